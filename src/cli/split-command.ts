/** They name the config. */
export const configOptions = new Set(['--config', '-c', '--trust-config']);

/** The first word that is neither an option nor the config's path, and all other words. */
export function splitCommand(argv: readonly string[]): [string | undefined, string[]] {
  const index = argv.findIndex(
    (word, at) => !word.startsWith('-') && !configOptions.has(argv[at - 1] ?? ''),
  );
  if (index === -1) return [undefined, [...argv]];
  return [argv[index], argv.filter((_, at) => at !== index)];
}
