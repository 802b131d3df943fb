/** How many instances one line names before it only counts the others. */
export const namedAtMost = 5;

/** `mail.1, mail.2 and 58 more`. */
export function formatNames(names: readonly string[]): string {
  const more = names.length - namedAtMost;
  return names.slice(0, namedAtMost).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
