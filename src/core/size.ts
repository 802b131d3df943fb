const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** A number of bytes in the words that people read, in powers of 1024: `530MB`, `1.5GB`. */
export function formatSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1023.5 && unit < units.length - 1; unit += 1) size /= 1024;
  const digits = size < 9.95 && unit > 0 ? 1 : 0;
  return `${size.toFixed(digits).replace(/\.0$/, '')}${units[unit] ?? ''}`;
}
