const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** A number of bytes for people to read, spelled as in the config, in powers of 1024: `530MB`, `1.5GB`. */
export function formatSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1023.5 && unit < units.length - 1; unit += 1) size /= 1024;
  const digits = size < 9.95 && unit > 0 ? 1 : 0;
  return `${size.toFixed(digits).replace(/\.0$/, '')}${units[unit] ?? ''}`;
}

/** A size as the config spells it: `512MB`, `1.5GiB`, `1G`, `4096B`. */
export const sizePattern = /^\d{1,9}(?:\.\d{1,3})?(?:B|[KMGT](?:i?B)?)$/;
const powers = ['B', 'K', 'M', 'G', 'T'];

/** The bytes that a size names; units are powers of 1024, `M`, `MB` and `MiB` alike. Undefined if the text is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^([\d.]+)([BKMGT])/.exec(sizePattern.test(text) ? text : '');
  if (match === null) return undefined;
  const [, number = '', unit = ''] = match;
  return Math.round(Number(number) * 1024 ** powers.indexOf(unit));
}
