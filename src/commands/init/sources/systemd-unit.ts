import { basename } from 'node:path';
import { parseSize } from '../../../core/basics/bytes.ts';
import { shellWord } from '../../../core/basics/shell-word.ts';
import { escapedSpecifiers } from '../../../config/specifiers.ts';
import type { FoundCommand, FoundWorker, Reading, TextFile, WorkerKeys } from '../found.ts';
import { carry, merged, notKilled, ownBackoff, owner, type Carried, type Rules } from './carry.ts';
import { quotedWords } from './quoted-words.ts';
import { readSections, type Entry, type SectionOf } from './sections.ts';
import { stopSignal } from './signals.ts';
import { notWorker } from './web.ts';
import { wrapperWarning } from '../../../core/rules/wrappers.ts';

// Source: systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.syntax(7).

/** A line is a comment or none of it is; one that ends in a backslash is continued. */
const dialect = {
  uncommented: (line: string) => (/^\s*[#;]/.test(line) ? '' : line),
  continues: (_: string, before: string) => before.endsWith('\\'),
  joined: (value: string, line: string) => `${value.replace(/\\$/, '')} ${line}`,
  keyOf: (key: string) => key,
};

interface Unit {
  readonly file: string;
  /** Of the worker. */
  readonly name: string;
  readonly command: readonly string[];
  readonly entries: readonly Entry[];
  readonly expand: (text: string) => string;
}

/** The service of a unit file. */
export function readSystemdUnit(file: TextFile): Reading {
  const { sections, unread } = readSections(file, dialect);
  const entries = sections
    .filter(({ name }) => name === 'Service')
    .flatMap((section) => section.entries);
  const name = basename(file.path)
    .replace(/\.service$/, '')
    .replace(/@.*$/, '');
  const read = entries.length === 0 ? noService(file) : readService(file, name, entries);
  return {
    workers: read.workers,
    leftOut: [...unread, ...read.leftOut, ...others(file, sections)],
  };
}

const noService = ({ path }: TextFile): Reading => ({
  workers: [],
  leftOut: [{ file: path, words: 'it has no [Service]' }],
});

/** What other sections ask for, and workerctl does not do. */
function others({ path }: TextFile, sections: readonly SectionOf[]): Reading['leftOut'] {
  return sections
    .filter(({ name }) => name === 'Unit')
    .flatMap(({ entries }) => entries)
    .filter(({ key }) => /^(?:Condition|Assert|BindsTo|PartOf|OnFailure)/.test(key))
    .map(({ key, line }) => ({
      file: path,
      line,
      words: `${key} was left out: workerctl has nothing like it`,
    }));
}

function readService(file: TextFile, name: string, entries: readonly Entry[]): Reading {
  const { path } = file;
  const leave = (line: number | undefined, words: string): Reading => ({
    workers: [],
    leftOut: [{ file: path, line, words: `${name} was left out: ${words}` }],
  });
  const start = entries.findLast(({ key, value }) => key === 'ExecStart' && value !== '');
  if (start === undefined) return leave(entries[0]?.line, 'it has no ExecStart');
  const type = valueOf(entries, 'Type') ?? 'simple';
  if (type === 'oneshot') return leave(start.line, 'a task that ends (Type=oneshot)');
  const words = quotedWords(start.value.replace(/^[-@:+!|]+\s*/, ''));
  if (words === undefined || words.length === 0)
    return leave(start.line, 'its command cannot be read');
  const other = notWorker(name, words.join(' '));
  if (other !== undefined) return leave(start.line, other);
  const unit: Unit = { file: path, name, command: words, entries, expand: expander(file, name) };
  const { keys, leftOut, notes } = carry(rules, entries, unit);
  const more = [
    ...(/@\.service$/.test(path)
      ? ['A template: list its instances in identifiers; %i stands for each.']
      : []),
    ...(valueOf(entries, 'Restart') === undefined
      ? ['Without Restart=, systemd did not start it again; on_exit: never keeps it down.']
      : []),
  ];
  const worker: FoundWorker = {
    name,
    at: { file: path, line: start.line },
    why: `the unit ${path}`,
    command: commandOf(words.map(unit.expand)),
    keys: merged(keys, instanceKeys(path)),
    notes: [...notes, ...more],
  };
  return { workers: [worker], leftOut };
}

/** `mail@3.service` is the instance 3 of mail. */
function instanceKeys(path: string): WorkerKeys {
  const identifier = /@([A-Za-z0-9_][\w-]*)\.service$/.exec(path)?.[1];
  return identifier === undefined ? {} : { identifiers: [identifier] };
}

const valueOf = (entries: readonly Entry[], key: string): string | undefined =>
  entries.findLast((entry) => entry.key === key)?.value;

const expander =
  ({ path }: TextFile, name: string) =>
  (text: string): string =>
    text.replace(/%(.?)/gs, (found, letter: string) => {
      switch (letter) {
        case 'i':
        case 'I':
          return '%i';
        case 'H':
        case 'l':
          return '%H';
        case 'n':
        case 'N':
          return escapedSpecifiers(letter === 'n' ? basename(path) : basename(path, '.service'));
        case 'p':
          return escapedSpecifiers(name);
        case '%':
          return '%%';
        default:
          return escapedSpecifiers(found);
      }
    });

/** systemd replaces $NAME and ${NAME} itself: a shell has to do it here. */
function commandOf(words: readonly string[]): FoundCommand {
  const isVariable = (word: string): boolean => /\$(?:\{\w+\}|[A-Za-z_]\w*$)/.test(word);
  if (!words.some(isVariable))
    return { kind: 'words', words: words.map((word) => word.replaceAll('$$', '$')) };
  const line = words
    .map((word) => {
      if (!isVariable(word)) return shellWord(word.replaceAll('$$', '$'));
      return /^\$\w+$/.test(word) ? word : `"${word.replace(/["\\`]/g, '\\$&')}"`;
    })
    .join(' ');
  return { kind: 'line', line };
}

const environment = (value: string, { expand }: Unit): Carried => {
  const words = quotedWords(value) ?? [];
  const pairs = words.map((word) => expand(word).split(/=(.*)/s));
  return {
    keys: { env: Object.fromEntries(pairs.map(([name = '', text = '']) => [name, text])) },
  };
};

const exits: Readonly<Record<string, WorkerKeys>> = {
  always: {},
  'on-success': {},
  no: { on_exit: 'never' },
};

/** systemd starts nothing again unless Restart says so. */
const restart = (value: string): Carried => ({
  keys: exits[value.trim()] ?? { on_exit: 'on_failure' },
});

const killMode = (value: string, { command }: Unit): Carried => {
  if (value.trim() !== 'control-group') return {};
  const problem = wrapperWarning({ command, stop: { signal: 'TERM', to: 'session' } });
  return problem === undefined ? { keys: { stop: { to: 'session' } } } : { leftOut: problem };
};

const whole =
  (key: (value: number) => WorkerKeys) =>
  (value: string): Carried =>
    /^-?\d{1,9}$/.test(value) ? { keys: key(Number(value)) } : { leftOut: 'expected a number' };

/** Powers of 1024 there, too. */
const memoryMax = (value: string): Carried => {
  if (/^infinity$/.test(value)) return {};
  const bytes = parseSize(value) ?? (/^\d{1,15}$/.test(value) ? Number(value) : 0);
  return bytes < 1024 ** 2
    ? { leftOut: 'expected a size of at least 1MB; limits.memory_max takes no percentage' }
    : { keys: { limits: { memory_max: /\D/.test(value) ? value : bytes } } };
};

const output = (value: string, { expand }: Unit): Carried => {
  const file = /^(?:append|file|truncate):(.+)$/.exec(value)?.[1];
  if (file !== undefined) return { keys: { log: { file: expand(file) } } };
  return /^(?:null)$/.test(value) ? { keys: { log: { file: '/dev/null' } } } : {};
};

const errorOutput = (value: string, { entries, expand }: Unit): Carried =>
  /^(?:append|file|truncate):./.test(value) && value !== valueOf(entries, 'StandardOutput')
    ? { keys: { log: { error: expand(value.replace(/^\w+:/, '')) } } }
    : {};

const type = (value: string): Carried => {
  switch (value) {
    case 'notify':
    case 'notify-reload':
      return {
        keys: { ready: { notify: true } },
        note: 'ready.notify needs workerctl watch: see workerctl install systemd.',
      };
    case 'forking':
      return { keys: { daemonizes: true } };
    case 'dbus':
      return { leftOut: 'workerctl does not know the bus' };
    default:
      return {};
  }
};

const envFile = (value: string, { expand }: Unit): Carried =>
  value.startsWith('-')
    ? {
        keys: { env_files: [expand(value.slice(1))] },
        note: 'EnvironmentFile=- allowed the file to be missing; workerctl does not.',
      }
    : { keys: { env_files: [expand(value)] } };

const hostOnly =
  'it belongs to the sandbox of systemd; workerctl watch can run in one, see docs/systemd.md';

const rules: Rules<string, Unit> = {
  ExecStart: null,
  Type: type,
  Environment: environment,
  EnvironmentFile: envFile,
  PassEnvironment: (value) => ({ keys: { pass_env: value.split(/\s+/).filter(Boolean) } }),
  WorkingDirectory: (value, { expand }) =>
    value.includes('~')
      ? { leftOut: 'write the whole path as directory' }
      : { keys: { directory: expand(value.replace(/^-/, '')) } },
  PIDFile: (value, { entries, expand }) =>
    valueOf(entries, 'Type') === 'forking' ? { keys: { pidfile: expand(value) } } : {},
  Restart: restart,
  SuccessExitStatus: (value, { entries }) => {
    if (!/^on-(?:failure|abnormal|abort|watchdog)$/.test(valueOf(entries, 'Restart') ?? ''))
      return {};
    const codes = value.split(/\s+/).filter((one) => /^\d{1,3}$/.test(one));
    return { keys: { success_codes: [...new Set(['0', ...codes])].map(Number) } };
  },
  RestartSec: ownBackoff,
  StartLimitInterval: ownBackoff,
  StartLimitBurst: ownBackoff,
  KillSignal: stopSignal,
  KillMode: killMode,
  TimeoutStopSec: (value) =>
    /^(?:infinity|0)$/.test(value) ? {} : { leftOut: notKilled(value.replace(/^(\d+)$/, '$1s')) },
  TimeoutSec: (value) => ({ leftOut: notKilled(value.replace(/^(\d+)$/, '$1s')) }),
  TimeoutStartSec: null,
  SendSIGKILL: null,
  User: (value) => owner(value),
  Group: (value) => owner(`:${value}`),
  UMask: (value) => ({ keys: { umask: value.padStart(3, '0').slice(-3) } }),
  Nice: whole((nice) => ({ nice })),
  OOMScoreAdjust: whole((oom_score_adj) => ({ oom_score_adj })),
  LimitNOFILE: (value) => whole((nofile) => ({ limits: { nofile } }))(value.split(':')[0] ?? ''),
  LimitNPROC: (value) => whole((nproc) => ({ limits: { nproc } }))(value.split(':')[0] ?? ''),
  StandardOutput: output,
  StandardError: errorOutput,
  StandardInput: null,
  SyslogIdentifier: 'a logger can do that: log.command: systemd-cat -t %n',
  WatchdogSec: 'heartbeat.timeout is the same, see docs/watch.md',
  ExecStartPre: 'put it into the deploy, or into a script before exec',
  ExecStartPost: 'a hook or ready.command may do that',
  ExecStop: 'a worker is asked by stop.signal',
  ExecStopPost: 'a hook may do that, see docs/hooks.md',
  ExecReload: 'workerctl restart replaces the process',
  RemainAfterExit: null,
  PrivateTmp: hostOnly,
  ProtectSystem: hostOnly,
  ProtectHome: hostOnly,
  NoNewPrivileges: (value) =>
    /^(?:yes|true|on|1)$/i.test(value) ? { keys: { no_new_privs: true } } : {},
  MemoryMax: memoryMax,
  MemoryLimit: memoryMax,
  CPUQuota: (value) =>
    /^(?:0\.)?\d{1,6}(?:\.\d{1,2})?%$/.test(value) && parseFloat(value) >= 1
      ? { keys: { limits: { cpu: Math.round(parseFloat(value) * 100) / 10_000 } } }
      : { leftOut: 'expected a percentage of one core' },
};
