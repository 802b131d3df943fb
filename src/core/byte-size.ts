const units = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const;

/** A number of bytes in the words that people read: `4 KB`, `104.2 MB`; units are powers of 1024, as in the config. */
export function formatBytes(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const number = (bytes / 1024 ** power).toFixed(1).replace(/\.0$/, '');
  return `${number} ${units[power] ?? ''}`;
}
