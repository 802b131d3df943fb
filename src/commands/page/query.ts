import { WorkerctlError } from '../../core/basics/error.ts';

/** The query of a request: `?target=mail.1&lines=20`. */
export interface Query {
  readonly all: (name: string) => readonly string[];
  readonly one: (name: string) => string | undefined;
}

/**
 * Reads a query that may have these names, those of `many` any number of times.
 * @throws WorkerctlError `usage` for another name, or one that is there twice
 */
export function queryOf(
  search: URLSearchParams,
  {
    many = [],
    once = [],
  }: { readonly many?: readonly string[]; readonly once?: readonly string[] },
): Query {
  const known = [...many, ...once];
  for (const name of search.keys()) {
    if (known.includes(name)) continue;
    const expected = known.length === 0 ? 'no query' : known.join(', ');
    throw new WorkerctlError('usage', `expected ${expected}, found ${JSON.stringify(name)}`);
  }
  for (const name of once) {
    const { length } = search.getAll(name);
    if (length > 1) throw new WorkerctlError('usage', `expected one ${name}, found ${length}`);
  }
  return { all: (name) => search.getAll(name), one: (name) => search.get(name) ?? undefined };
}
