/** Parts of the names of variables and options that hold secrets. */
const secretName =
  /pass(?!eng|age|ive)|pwd|secret|token|credential|private|dsn|(?:api|access|encryption|master|signing|ssh|secret)_?key|(?:^|[_-])(?:key|auth)(?:$|[_-])|authorization/i;

/** A password in a URL. */
const inUrl = /(:\/\/[^/\s:@]*:)[^/\s]+@/g;

/** Tokens that are known by how they begin: of GitHub, GitLab, Slack, Stripe and AWS; keys in PEM. */
const knownToken =
  /gh[pousr]_\w{20}|github_pat_\w{20}|glpat-[\w-]{16}|xox[abprs]-[\w-]{10}|[rs]k_live_\w{10}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY/;

/** What is shown in place of a value that looks secret. */
export const hidden = '(hidden)';

/** Whether a variable or its value must not get into a terminal, a log or a CI run. */
export const looksSecret = (name: string, value: string): boolean =>
  secretName.test(name) || hasSecret(value);

const hasSecret = (value: string): boolean =>
  knownToken.test(value) || value.replace(inUrl, '') !== value;

/** A command line, or a part of one, without the values in it that look secret. */
export const withoutSecrets = (text: string): string =>
  text
    .replace(
      /(^|[\s"'])((?:--?)?[A-Za-z_][\w-]*)(=|(?<=\s--[\w-]+|^--[\w-]+)\s+)("[^"]*"|'[^']*'|[^\s"']+)/g,
      (found, before: string, name: string, between: string) =>
        secretName.test(name) ? `${before}${name}${between}${hidden}` : found,
    )
    .replace(inUrl, `$1${hidden}@`)
    .replace(new RegExp(`(?:${knownToken.source})\\S*`, 'g'), hidden);

/** A printed config without the values in it that look secret: those of `env`, and parts of commands. */
export function hideSecrets(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (Array.isArray(value)) return value.map((word, at) => wordOf(value, at, word));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [
      name,
      key === 'env' && looksSecret(name, String(inner)) ? hidden : hideSecrets(inner, name),
    ]),
  );
}

/** A word of a command after `--password` is its value. */
function wordOf(words: readonly unknown[], at: number, word: unknown): unknown {
  const before = words[at - 1];
  const isValue = typeof before === 'string' && /^--?[A-Za-z][\w-]*$/.test(before);
  return isValue && secretName.test(before) ? hidden : hideSecrets(word);
}
