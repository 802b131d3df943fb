import { shellWord } from '../basics/shell-word.ts';
import { durationOf, type Duration } from '../basics/time.ts';

/** When a line of a crontab runs: at boot, or repeatedly with at most `longest` between two runs. */
export type Schedule =
  { readonly kind: 'boot' } | { readonly kind: 'times'; readonly longest: Duration };

/** A line that runs something. */
export interface CronLine {
  readonly schedule: Schedule;
  /** In system crontabs. */
  readonly user?: string;
  /** As it is passed to the shell: up to a bare `%`, which begins its standard input. */
  readonly command: string;
  /** The line ends as on Windows, and cron passes the carriage return on. */
  readonly endsInReturn?: true;
  /** The variables that were set above it. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The lines of a crontab that run something. Those of /etc/crontab and /etc/cron.d name a user. Lines that cron would
 * not understand are left out.
 * Source: crontab(5) of Debian and of cronie.
 */
export function parseCrontab(text: string, hasUsers: boolean): CronLine[] {
  let env: Record<string, string> = {};
  return text.split('\n').flatMap((raw): CronLine[] => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return [];
    const variable = /^([A-Za-z_]\w*)\s*=\s*(?:"(.*)"|'(.*)'|(.*))$/.exec(line);
    if (variable !== null) {
      const [, name = '', double, single, bare = ''] = variable;
      env = { ...env, [name]: double ?? single ?? bare };
      return [];
    }
    const parsed = scheduled(line);
    if (parsed === undefined) return [];
    const { schedule, rest } = parsed;
    const ending = raw.endsWith('\r') && ({ endsInReturn: true } as const);
    if (!hasUsers) return [{ schedule, command: beforePercent(rest), env, ...ending }];
    const [, user = '', command = ''] = /^(\S+)\s+(.*)$/.exec(rest) ?? [];
    return [{ schedule, user, command: beforePercent(command), env, ...ending }];
  });
}

/** What the shell gets. Source: crontab(5): a bare % is a newline, and all after the first one is standard input. */
const beforePercent = (text: string): string =>
  (/^(?:\\.|[^%\\])*\\?/.exec(text)?.[0] ?? '').replaceAll('\\%', '%').trimEnd();

const day = 24 * 60;

const macros: Readonly<Record<string, number>> = {
  '@hourly': 60,
  '@daily': day,
  '@midnight': day,
  '@weekly': 7 * day,
  '@monthly': 31 * day,
  '@yearly': 366 * day,
  '@annually': 366 * day,
};

const minutes = (count: number): Schedule => ({
  kind: 'times',
  longest: durationOf(count * 60_000),
});

function scheduled(line: string): { schedule: Schedule; rest: string } | undefined {
  const macro = /^(@\w+)\s+(\S.*)$/.exec(line);
  if (macro !== null) {
    const [, name = '', rest = ''] = macro;
    if (name === '@reboot') return { schedule: { kind: 'boot' }, rest };
    const length = macros[name];
    return length === undefined ? undefined : { schedule: minutes(length), rest };
  }
  const fields = /^(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S.*)$/.exec(line);
  if (fields === null) return undefined;
  const [, minute = '', hour = '', date = '', month = '', weekday = '', rest = ''] = fields;
  const [minuteSet, hourSet] = [valuesOf(minute, 0, 59), valuesOf(hour, 0, 23)];
  if (minuteSet === undefined || hourSet === undefined) return undefined;
  const isDaily = [date, month, weekday].every((field) => /^\*(?:\/1)?$/.test(field));
  return { schedule: minutes(isDaily ? longestGap(minuteSet, hourSet) : 7 * day), rest };
}

/** The longest time between two runs in minutes, also across midnight. */
function longestGap(minuteSet: readonly number[], hourSet: readonly number[]): number {
  const times = hourSet.flatMap((hour) => minuteSet.map((minute) => hour * 60 + minute));
  const [first = 0] = times;
  return Math.max(...times.map((time, index) => (times[index + 1] ?? first + day) - time));
}

/** The numbers of a field such as `*`, `1-9`, `1-5,30`, in order; undefined for any other text. */
function valuesOf(field: string, from: number, to: number): readonly number[] | undefined {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
    if (match === null) return undefined;
    const [, first, last, step] = match;
    const begin = first === undefined ? from : Number(first);
    const isRange = first === undefined || last !== undefined || step !== undefined;
    const end = last === undefined ? (isRange ? to : begin) : Number(last);
    for (let value = begin; value <= Math.min(end, to); value += Math.max(1, Number(step ?? 1)))
      values.add(value);
  }
  return values.size === 0 ? undefined : [...values].sort((a, b) => a - b);
}

export interface BootcheckCall {
  /** The program: a name to find in PATH, or a path (`/usr/bin/node`, `/opt/workerctl/bin/workerctl`). */
  readonly program: string;
  /** The path of the script that `program` runs, if that is node. */
  readonly script?: string;
  /** What the line sets for this one command. */
  readonly env: Readonly<Record<string, string>>;
  readonly config?: string;
  /** The directory that it changes to first. */
  readonly directory?: string;
  /** A login shell or a profile that is read first sets a PATH that cannot be told from the line. */
  readonly hasOwnPath?: true;
}

/** How a command runs `workerctl bootcheck`; undefined if it does not. */
export function bootcheckCall(command: string): BootcheckCall | undefined {
  const steps = stepsOf(command).map(wordsOf);
  const inner = steps.findIndex((words) => scriptIn(words) !== undefined);
  const at = steps.findIndex((words) => words.includes('bootcheck') && words.some(isWorkerctl));
  if (at === -1) return inner === -1 ? undefined : inScript(steps, inner);
  const { env, words, directory } = withoutPrefix(steps[at] ?? []);
  const [program = ''] = words;
  const script = words.slice(1).find(isWorkerctl);
  const from = directory ?? directoryBefore(steps, at);
  const names = ['--config', '--trust-config', '-c'].map((name) => optionIn(words, name));
  const config = names.find((name) => name !== undefined);
  return {
    program,
    ...(!isWorkerctl(program) && script !== undefined && { script }),
    env,
    ...(config !== undefined && { config }),
    ...(from !== undefined && { directory: from }),
    ...(steps.slice(0, at).some(readsProfile) && { hasOwnPath: true }),
  };
}

/** `bash -lc 'cd X && workerctl bootcheck'`: what the inner shell runs, from where the outer one is. */
function inScript(steps: readonly string[][], at: number): BootcheckCall | undefined {
  const { env, words, directory } = withoutPrefix(steps[at] ?? []);
  const call = bootcheckCall(scriptIn(steps[at] ?? []) ?? '');
  if (call === undefined) return undefined;
  const from = call.directory ?? directory ?? directoryBefore(steps, at);
  const isLogin =
    words.some((word) => /^-[a-z]*l/.test(word)) || steps.slice(0, at).some(readsProfile);
  return {
    ...call,
    env: { ...env, ...call.env },
    ...(from !== undefined && { directory: from }),
    ...(isLogin && { hasOwnPath: true }),
  };
}

/** The script that a step hands to a shell. */
function scriptIn(step: readonly string[]): string | undefined {
  const { words } = withoutPrefix(step);
  const shell = words.findIndex((word) => /(?:^|\/)(?:ba|da|k|z)?sh$/.test(word));
  if (shell === -1) return undefined;
  const flag = words.findIndex((word, index) => index > shell && /^-[a-z]*c$/.test(word));
  return flag === -1 ? undefined : words[flag + 1];
}

const directoryBefore = (steps: readonly string[][], at: number): string | undefined =>
  steps.slice(0, at).findLast(([word]) => word === 'cd')?.[1];

const readsProfile = ([word]: readonly string[]): boolean => word === '.' || word === 'source';

/** A command up to its operators and parentheses; `2>&1` has none. */
function stepsOf(command: string): string[] {
  const part = /"(?:\\.|[^"\\])*"|'[^']*'|\\.|[<>]&|&>|(&&|\|\||[;|&()])|./gs;
  const steps = [''];
  for (const [text, operator] of command.matchAll(part))
    if (operator === undefined) steps.push((steps.pop() ?? '') + text);
    else steps.push('');
  return steps.map((step) => step.replace(/^\s*\{\s/, '')).filter((step) => step.trim() !== '');
}

const isWorkerctl = (word: string): boolean => /(?:^|\/)workerctl$/.test(word);

/** The words of a simple command. What only a shell can expand (`$HOME`) stays as it is written. */
const wordsOf = (text: string): string[] =>
  [...text.matchAll(/(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'|\\(.)/g, '$1$2$3'),
  );

/** A simple command without what comes before its program: `exec`, `env -C X`, variables. */
function withoutPrefix(step: readonly string[]): {
  env: Record<string, string>;
  words: readonly string[];
  directory?: string;
} {
  const env: Record<string, string> = {};
  let directory: string | undefined;
  for (let at = 0; at < step.length; at += 1) {
    const word = step[at] ?? '';
    const [, name, value = ''] = /^(\w+)=(.*)$/s.exec(word) ?? [];
    if (name !== undefined) env[name] = value;
    else if (word === '-C' || word === '--chdir') directory = step[(at += 1)];
    else if (word.startsWith('--chdir=')) directory = word.slice('--chdir='.length);
    else if (!/^(?:(?:\/usr)?(?:\/bin\/)?env|exec|-|-i|--ignore-environment)$/.test(word))
      return { env, words: step.slice(at), ...(directory !== undefined && { directory }) };
  }
  return { env, words: [] };
}

function optionIn(words: readonly string[], name: string): string | undefined {
  const joined = words.find((word) => word.startsWith(`${name}=`));
  if (joined !== undefined) return joined.slice(name.length + 1);
  const at = words.indexOf(name);
  return at === -1 ? undefined : words[at + 1];
}

/** The lines by which cron runs the boot check: every minute, and at boot. */
export function bootcheckLines(command: readonly string[]): readonly string[] {
  const words = cronWords(command);
  return [`* * * * * ${words}`, `@reboot ${words}`];
}

/**
 * A bare % is a newline there: crontab(5). A backslash of the word itself, which is quoted for the shell, must not come right
 * before that of the escape: not every cron understands two of them.
 */
const cronWords = (command: readonly string[]): string =>
  command
    .map(shellWord)
    .join(' ')
    .replace(/\\(?=%)/g, "\\''")
    .replace(/%/g, '\\%');

/**
 * A crontab with these lines, each once. Other lines that end in the same words (`bootcheck --config …`), from another node or
 * another workerctl, are replaced; everything else is kept.
 */
export function withBootcheck(crontab: string, command: readonly string[], config: string): string {
  const wanted = bootcheckLines(command);
  const { ours, others } = split(crontab, config);
  if (ours.length === wanted.length && wanted.every((line) => ours.includes(line))) return crontab;
  return textOf([...others, ...wanted]);
}

/** The same crontab without the lines of this config. */
export function withoutBootcheck(crontab: string, config: string): string {
  const { ours, others } = split(crontab, config);
  return ours.length === 0 ? crontab : textOf(others);
}

const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** The lines that run bootcheck for this config, whichever node and workerctl they name, and the others. */
function split(crontab: string, config: string): { ours: string[]; others: string[] } {
  const ends = ['--config', '--trust-config'].map(
    (option) => ` ${cronWords(['bootcheck', option, config])}`,
  );
  const isOurs = (line: string): boolean =>
    /^(?:@reboot|[\d*])/.test(line) && ends.some((end) => line.trimEnd().endsWith(end));
  const lines = crontab.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { ours: lines.filter(isOurs), others: lines.filter((line) => !isOurs(line)) };
}
