/** The lines by which cron runs the boot check: each minute, and as soon as the host is up. */
export function bootcheckLines(command: readonly string[]): readonly string[] {
  const words = command.map(shellWord).join(' ').replace(/%/g, '\\%'); // a bare % is a newline there: crontab(5)
  return [`* * * * * ${words}`, `@reboot ${words}`];
}

/**
 * A crontab with these lines in it, each once. Other lines that end in the same words (`bootcheck --config …`), from another
 * node or another workerctl, are replaced; all else stays as it is.
 */
export function withBootcheck(crontab: string, command: readonly string[], config: string): string {
  const wanted = bootcheckLines(command);
  const [end = ''] = bootcheckLines(['bootcheck', '--config', config]).map((line) =>
    line.slice('* * * * * '.length),
  );
  const isOurs = (line: string): boolean =>
    /^(?:@reboot|[\d*])/.test(line) && line.trimEnd().endsWith(` ${end}`);
  const lines = crontab.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const old = lines.filter(isOurs);
  if (old.length === wanted.length && wanted.every((line) => old.includes(line))) return crontab;
  return [...lines.filter((line) => !isOurs(line)), ...wanted].map((line) => `${line}\n`).join('');
}

/** A word as sh reads it back. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`;
}
