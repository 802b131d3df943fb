import { looksSecret, withoutSecrets } from '../basics/secrets.ts';
import { shellWord } from '../basics/shell-word.ts';
import { visible, visibleInLine } from '../basics/visible.ts';

/** Variables by name, and the names of those whose value is not shown. */
export interface ShownEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  readonly hidden: readonly string[];
}

/** An environment in the order of the names, perhaps without the values that look secret. */
export function shownEnvironment(
  environment: Readonly<Record<string, string>>,
  showsSecrets: boolean,
): ShownEnvironment {
  const all = Object.entries(environment).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const isHidden = ([name, value]: readonly [string, string]): boolean =>
    !showsSecrets && (looksSecret(name, value) || withoutSecrets(value) !== value);
  return {
    variables: Object.fromEntries(all.filter((one) => !isHidden(one))),
    hidden: all.filter(isHidden).map(([name]) => name),
  };
}

/** Bash does not let them be set. Source: bash(1), Shell Variables. */
const readOnly = new Set(['UID', 'EUID', 'PPID', 'SHELLOPTS', 'BASHOPTS', 'BASH_VERSINFO']);

/** Lines that set these variables when sh reads them (`. FILE`); what cannot be set, or is hidden, is a comment. */
export const sourceable = ({ variables, hidden }: ShownEnvironment): string =>
  [
    ...Object.entries(variables).map(([name, value]) => assignment(name, value)),
    ...hidden.map((name) => `# ${visibleInLine(name)} is hidden: --show-secrets\n`),
  ].join('');

function assignment(name: string, value: string): string {
  if (readOnly.has(name)) return `# ${name} is left out: the shell keeps its own\n`;
  if (!/^[A-Za-z_]\w*$/.test(name)) return `# ${visibleInLine(name)} is no name for a shell\n`;
  if (visible(value) === value) return `export ${name}=${shellWord(value)}\n`;
  // What a terminal would obey is written in octal. The shell cuts newlines at the end, hence the last character.
  return `${name}="$(printf '${printfWord(value)}.')"; export ${name}="\${${name}%.}"\n`;
}

/** All but a few harmless characters as the bytes that printf(1) makes of octal numbers. */
const printfWord = (value: string): string =>
  value.replace(/[^\w@+=:,./ -]/gu, (character) =>
    encodeURIComponent(character)
      .replace(/^[^%]$/, (plain) => `%${plain.charCodeAt(0).toString(16)}`)
      .replace(
        /%(..)/g,
        (_, byte: string) => `\\${parseInt(byte, 16).toString(8).padStart(3, '0')}`,
      ),
  );
