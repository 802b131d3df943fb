/** A size as it is written: `512MB`, `1.5GiB`, `4096B`. */
export const sizePattern = /^\d{1,9}(?:\.\d{1,3})?(?:B|[KMGT]i?B)$/;

const powers = ['B', 'K', 'M', 'G', 'T'];

/** The bytes that a size names; the units are powers of 1024, `MB` and `MiB` alike. */
export function parseSize(text: string): number | undefined {
  const match = /^([\d.]+)([BKMGT])/.exec(sizePattern.test(text) ? text : '');
  if (match === null) return undefined;
  const [, number = '', unit = ''] = match;
  return Math.round(Number(number) * 1024 ** powers.indexOf(unit));
}
