/** How much a line of a log matters, the least first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

export type LogLevel = (typeof logLevels)[number];

/** Whether a level is this one or above it. */
export const isAtLeast = (level: LogLevel, least: LogLevel): boolean =>
  logLevels.indexOf(level) >= logLevels.indexOf(least);

/** What loggers call these levels; `A` of Ruby (any) and `DEFAULT` of Google Cloud are none. */
const namesOf: Readonly<Record<LogLevel, readonly string[]>> = {
  trace: ['trace', 'silly', 'finest', 'finer', 'verbose'],
  debug: ['debug', 'fine'],
  info: ['info', 'information', 'notice', 'log'],
  warn: ['warn', 'warning'],
  error: ['error', 'err', 'severe'],
  fatal: ['fatal', 'critical', 'crit', 'alert', 'emerg', 'emergency', 'panic', 'dpanic'],
};

const byName = new Map(
  logLevels.flatMap((level) => namesOf[level].map((name) => [name, level] as const)),
);

/** The level that a name means, in any case. */
export const levelNamed = (name: string): LogLevel | undefined => byName.get(name.toLowerCase());

/** A level that a member of JSON holds: a name, or a number of pino, syslog or Monolog, whose ranges do not overlap. */
export function levelOfValue(value: unknown): LogLevel | undefined {
  if (typeof value === 'string')
    return (
      levelNamed(value) ?? (/^\d{1,3}$/.test(value) ? levelOfNumber(Number(value)) : undefined)
    );
  return typeof value === 'number' ? levelOfNumber(value) : undefined;
}

function levelOfNumber(value: number): LogLevel | undefined {
  if (value < 0) return undefined;
  if (value < 8) return syslogLevels[Math.floor(value)];
  if (value < 100) return logLevels[Math.min(5, Math.max(0, Math.floor(value / 10) - 1))];
  return monologLevels.find(([most]) => value <= most)?.[1];
}

/** Source: RFC 5424, 6.2.1. */
const syslogLevels: readonly LogLevel[] = [
  ...(['fatal', 'fatal', 'fatal', 'error', 'warn', 'info', 'info', 'debug'] as const),
];

/** Source: Monolog, `Level`: notice is 250, critical 500, alert 550, emergency 600. */
const monologLevels: readonly (readonly [number, LogLevel])[] = [
  ...([
    [100, 'debug'],
    [250, 'info'],
    [300, 'warn'],
    [400, 'error'],
    [600, 'fatal'],
  ] as const),
];

/** Of Python's `levelno`: 10, 20, 30, 40, 50. Source: logging, "Logging Levels". */
export const levelOfPython = (value: unknown): LogLevel | undefined =>
  typeof value === 'number' && value >= 10
    ? logLevels[Math.min(5, Math.floor(value / 10))]
    : undefined;

/** The level of a line is in its first characters, behind a time and a name. */
const searched = 160;

const names = [...byName.keys()].join('|');

/** `E, [2026-…` of Ruby's Logger, `E0115 12:00:00.1` of glog and klog. */
const letter = /^([DIWEF])(?:, \[|\d{4} \d\d:\d\d:)/;
const byLetter: Readonly<Record<string, LogLevel>> = {
  ...{ D: 'debug', I: 'info', W: 'warn', E: 'error', F: 'fatal' },
};

/** `<3>` of sd-daemon(3) and syslog: a facility times 8 may be added. */
const priority = /^<(\d{1,3})>/;

/** `level=error` of logfmt. */
const member = new RegExp(`\\b(?:level|lvl|severity)="?(${names})\\b`, 'i');

/** A word in capitals: `ERROR:root:x`, `[2026-… ERROR x]`, `production.ERROR: x`, `: ERROR/MainProcess]`. */
const capitals = new RegExp(`(?:^|[\\s[(<|.:/])(${names.toUpperCase()})(?=$|[\\s\\])>|:/,])`);

/** A word of any case in brackets (nginx), or before a colon behind nothing but a time (winston): `[error] x`, `error: x`. */
const marked = new RegExp(
  `\\[(${names})\\]|^(?:[^a-z]{1,30}(?:T[^a-z]{1,30}Z?)? )?(${names}): `,
  'i',
);

/** What colours a level. */
const colour = /\p{Cc}\[[\d;]*m/gu;

/** The level that a line of text names. */
export function levelIn(line: string): LogLevel | undefined {
  const begin = line.slice(0, searched).replace(colour, '');
  const [, key] = letter.exec(begin) ?? [];
  if (key !== undefined) return byLetter[key];
  const [, number] = priority.exec(begin) ?? [];
  if (number !== undefined) return syslogLevels[Number(number) % 8];
  const [, named] = member.exec(begin) ?? capitals.exec(begin) ?? [];
  if (named !== undefined) return levelNamed(named);
  const [, bracketed, before] = marked.exec(begin) ?? [];
  return levelNamed(bracketed ?? before ?? '');
}
