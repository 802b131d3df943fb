/**
 * The known word that was most likely meant: one of which it is the beginning, or one that differs in at most a third of its
 * characters (swapped neighbours count as one); undefined if there is none. Two characters are too few to tell.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const all = [...known];
  if (word.length < 3) return undefined;
  const begun = all.filter((each) => each.startsWith(word)).sort((a, b) => a.length - b.length);
  const [shortest] = begun;
  if (shortest !== undefined)
    return begun.every((each) => each.startsWith(shortest)) ? shortest : undefined;
  const limit = Math.max(1, Math.floor(word.length / 3));
  const [best] = all
    .map((each) => ({ each, distance: distance(word.toLowerCase(), each.toLowerCase()) }))
    .filter((one) => one.distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return best?.each;
}

/** How many characters must be added, removed, replaced or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? at(before, j - 2) + 1 : Infinity;
      next.push(Math.min(at(row, j) + 1, at(next, j - 1) + 1, replaced, swapped));
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Infinity;
