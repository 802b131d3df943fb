import { formatDuration, type Duration } from '../../core/basics/time.ts';

/** Whose processes the unit has. */
export interface UnitUser {
  readonly name: string;
  readonly uid: number;
}

/** What a unit that runs workerctl needs to know of its host. */
export interface UnitFacts {
  /** `node /opt/workerctl/bin/workerctl`, word by word. */
  readonly program: readonly string[];
  /** `--config FILE`, or `--trust-config FILE`. */
  readonly configWords: readonly string[];
  readonly config: string;
  /** Undefined for a unit of a user's own systemd. */
  readonly user: UnitUser | undefined;
  /** What must be mounted first. */
  readonly paths: readonly string[];
  /** The units that jobs need, beside those that are usual. */
  readonly after: readonly string[];
}

/** The services that jobs use most often. systemd ignores the names of units that do not exist. */
const usualServices = [
  'postgresql.service',
  'mysql.service',
  'mariadb.service',
  'redis.service',
  'redis-server.service',
  'valkey-server.service',
  'rabbitmq-server.service',
  'beanstalkd.service',
  'memcached.service',
  'mongod.service',
];

/** What must have started before workers do, and ends after them. Without dbus nothing can be asked of systemd. */
export const usualUnits: readonly string[] = [
  'dbus.service',
  'network-online.target',
  'remote-fs.target',
  ...usualServices,
];

/**
 * Orders the scopes that commands make for their workers after a unit that drains them, whatever its name is: these scopes
 * end only after this slice, and that after each unit that wants it. It is empty, and systemd needs no file for it.
 */
export const orderSlice = 'workerctl.slice';

/** The section [Unit] of a service. */
export function unitSection(description: string, facts: UnitFacts): string[] {
  const head = ['[Unit]', `Description=${specifier(description)}`];
  // A user's systemd knows none of the system's units, and mounts nothing.
  if (facts.user === undefined) return head;
  return [
    ...head,
    '# What jobs need. It starts before this unit, and at a shutdown it stops only after this unit has ended.',
    '# Units that do not exist are ignored. Without dbus, workerctl could not ask whether the host shuts down.',
    `After=${usualUnits.slice(0, 8).join(' ')}`,
    `After=${[...usualUnits.slice(8), ...facts.after].join(' ')}`,
    'Wants=network-online.target',
    `RequiresMountsFor=${facts.paths.map(quoted).join(' ')}`,
  ];
}

/** The words of a command: see systemd.service(5), COMMAND LINES. */
export const commandLine = (words: readonly string[]): string =>
  words.map((word) => quoted(word.replace(/\$/g, '$$$$'))).join(' ');

export const userLine = ({ user }: UnitFacts): string[] =>
  user === undefined ? [] : [`User=${user.name}`];

/** The limits of a control group in which there are workers. */
export const groupLines: readonly string[] = [
  '# A worker that the kernel kills for its memory is replaced; the others are left alone.',
  'OOMPolicy=continue',
  '# All workers and their children count against this limit.',
  'TasksMax=infinity',
];

export const unitText = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** In whole seconds, with a comment for people. */
export const secondsOf = (length: Duration): string => String(Math.ceil(length / 1000));

export const inWords = formatDuration;

/** In a value, `%` begins a specifier: see systemd.unit(5). */
export const specifier = (text: string): string =>
  text.replace(/%/g, '%%').replace(/[\r\n]+/g, ' ');

const quoted = (text: string): string => quotedAsIs(text.replace(/%/g, '%%'));

/** A word in which `%` begins a specifier. Source: systemd.syntax(7), QUOTING. */
export function quotedAsIs(text: string): string {
  if (/^[\w@%+=:,./$-]+$/.test(text)) return text;
  const escaped = text
    .replace(/["\\]/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/\t/g, '\\t')
    .replace(/\r/g, '\\r');
  return `"${escaped}"`;
}
