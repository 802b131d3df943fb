/** A value that is made when it is first needed, and then kept: what most runs do not need should not cost them time. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
