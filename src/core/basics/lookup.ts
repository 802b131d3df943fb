/** A member of an object that is used as a map. A worker may be named `constructor` or `toString`, which every object inherits. */
export const lookup = <T>(values: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined;

/** The same map without these names. */
export function without<T>(
  values: Readonly<Record<string, T>>,
  names: readonly string[],
): Readonly<Record<string, T>> {
  const dropped = new Set(names);
  return Object.fromEntries(Object.entries(values).filter(([name]) => !dropped.has(name)));
}
