/** How many names one line has before it only counts the others. */
export const namedAtMost = 5;

/** `mail.1, mail.2 and 58 more`. */
export function formatNames(names: readonly string[], most = namedAtMost): string {
  const more = names.length - most;
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
