/** Computes a value when it is first needed, and keeps it: most commands do not need it and should not spend time on it. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
