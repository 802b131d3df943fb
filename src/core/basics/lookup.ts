/** A member of an object that is used as a map. A worker may be named `constructor` or `toString`, which every object inherits. */
export const lookup = <T>(values: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined;
