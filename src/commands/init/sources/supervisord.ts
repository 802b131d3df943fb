import { wrapperWarning } from '../../../core/rules/wrappers.ts';
import { shellWord } from '../../../core/basics/shell-word.ts';
import { sizePattern } from '../../../core/basics/bytes.ts';
import { escapedSpecifiers } from '../../../config/specifiers.ts';
import type { FoundCommand, FoundWorker, Reading, TextFile, WorkerKeys } from '../found.ts';
import {
  carry,
  merged,
  notKilled,
  oneLog,
  ownBackoff,
  owner,
  type Carried,
  type Rules,
} from './carry.ts';
import { quotedWords } from './quoted-words.ts';
import { readSections, type SectionOf } from './sections.ts';
import { stopSignal } from './signals.ts';
import { notWorker } from './web.ts';

// Source: supervisord.org, "Configuration File", and supervisor 4.2's options.py.

const indentOf = (line: string): number => line.search(/\S|$/);

/** Comments begin with ; or # after a blank; a line that is indented further than its key continues the value. */
const dialect = {
  uncommented: (line: string) => line.replace(/(?:^|\s)[;#].*$/, ''),
  continues: (line: string, _: string, first: string) => indentOf(line) > indentOf(first),
  joined: (value: string, line: string) => `${value}\n${line}`,
  keyOf: (key: string) => key.toLowerCase(),
};

/** What the expressions of one program stand for. */
interface Program {
  readonly file: string;
  readonly name: string;
  readonly section: SectionOf;
  readonly count: number;
  readonly command: readonly string[];
  /** A value with our specifiers; variables of supervisord's own environment become `variable(NAME)`. */
  readonly expand: (value: string) => string;
}

/** The programs of a supervisord.conf. */
export function readSupervisord(file: TextFile): Reading {
  const { sections, unread } = readSections(file, dialect);
  const shared = sections.find(({ name }) => name === 'supervisord');
  const readings = sections.map((section) => readSection(file, section));
  const common = shared === undefined ? {} : commonKeys(file, shared);
  return {
    workers: readings
      .flatMap(({ workers }) => workers)
      .map((worker) => ({ ...worker, keys: merged(common, worker.keys) })),
    leftOut: [...unread, ...readings.flatMap(({ leftOut }) => leftOut)],
  };
}

const nothing: Reading = { workers: [], leftOut: [] };

function readSection(file: TextFile, section: SectionOf): Reading {
  const [kind = '', name = ''] = section.name.split(/:(.*)/s);
  const leave = (words: string): Reading => ({
    workers: [],
    leftOut: [{ file: file.path, line: section.line, words }],
  });
  switch (kind) {
    case 'program':
      return readProgram(file, name.trim(), section);
    case 'fcgi-program':
      return leave(`${name} was left out: a web process: it shares a socket with others`);
    case 'eventlistener':
      return leave(`${name} was left out: it listens to supervisord's own events`);
    case 'include':
      return leave(
        `[include] was not followed: workerctl init --from FILE reads one of ${valueOf(section, 'files') ?? 'its files'}`,
      );
    default:
      return nothing; // supervisord itself, its sockets, groups
  }
}

const valueOf = ({ entries }: SectionOf, key: string): string | undefined =>
  entries.findLast((entry) => entry.key === key)?.value;

function readProgram({ path: file, folder }: TextFile, name: string, section: SectionOf): Reading {
  const at = { file, line: section.line };
  const written = valueOf(section, 'command');
  const words = written === undefined ? undefined : quotedWords(written.replaceAll('\n', ' '));
  if (words === undefined || words.length === 0) {
    const problem = written === undefined ? 'it has no command' : 'a quote is not closed';
    return { workers: [], leftOut: [{ ...at, words: `${name} was left out: ${problem}` }] };
  }
  const other = notWorker(name, words.join(' '));
  if (other !== undefined)
    return { workers: [], leftOut: [{ ...at, words: `${name} was left out: ${other}` }] };
  const count = Math.max(1, Number(/^\d{1,3}$/.exec(valueOf(section, 'numprocs') ?? '')?.[0] ?? 1));
  const expand = expander(folder, name, count);
  const program: Program = { file, name, section, count, command: words, expand };
  const { keys, leftOut, notes } = carry(rules, section.entries, program);
  const command = commandOf(words.map(expand));
  const all = [identifiersOf(program), exitKeys(program), keys, command.keys, logKeys(program)];
  const worker: FoundWorker = {
    name,
    at,
    why: `[program:${name}] of ${file}`,
    command: command.command,
    keys: all.reduce(merged, {}),
    notes: [...notes, ...noteOfLog(program)],
  };
  return { workers: [worker], leftOut };
}

/** Stands for a variable of supervisord's own environment, until a shell line can be written. */
const variable = (name: string): string => `\u0001${name}\u0001`;
const variables = /\u0001(\w+)\u0001/g; // eslint-disable-line no-control-regex -- as above
const hasVariable = (text: string): boolean => text.includes('\u0001');

const expander =
  (folder: string, name: string, count: number) =>
  (value: string): string =>
    escapedSpecifiers(value.replaceAll('%%', '\u0002')).replace(
      /%%\((\w+)\)[-+ 0-9.]*[sdi]|\u0002/g, // eslint-disable-line no-control-regex -- as above
      (found, key: string | undefined) => {
        switch (key) {
          case undefined:
            return '%%';
          case 'program_name':
          case 'group_name':
            return escapedSpecifiers(name);
          case 'process_num':
            return '%i';
          case 'numprocs':
            return String(count);
          case 'host_node_name':
            return '%H';
          case 'here':
            return escapedSpecifiers(folder);
          default:
            return key.startsWith('ENV_') ? variable(key.slice(4)) : found;
        }
      },
    );

/** With variables a shell has to put them in: they are taken over from the caller. */
function commandOf(words: readonly string[]): { command: FoundCommand; keys: WorkerKeys } {
  if (!words.some(hasVariable)) return { command: { kind: 'words', words }, keys: {} };
  const line = words
    .map((word) =>
      hasVariable(word)
        ? `"${word.replace(/["\\$`]/g, '\\$&').replace(variables, '${$1}')}"`
        : shellWord(word),
    )
    .join(' ');
  const names = words.flatMap((word) => [...word.matchAll(variables)].map(([, one = '']) => one));
  return { command: { kind: 'line', line }, keys: { pass_env: [...new Set(names)] } };
}

/** The numbers of its processes, as its name or its command writes them. */
function identifiersOf({ section, count }: Program): WorkerKeys {
  const uses = section.entries.flatMap(({ key, value }) => {
    const [, width] = /%\(process_num\)0?(\d*)[sdi]/.exec(value) ?? [];
    return width === undefined ? [] : [{ key, width: Number(width) }];
  });
  const use = uses.find(({ key }) => key !== 'process_name') ?? uses[0];
  if (use === undefined) return count === 1 ? {} : { count };
  const first = Number(/^\d{1,6}$/.exec(valueOf(section, 'numprocs_start') ?? '')?.[0] ?? 0);
  if (count === 1 && use.key === 'process_name') return {};
  return {
    identifiers: Array.from({ length: count }, (_, index) =>
      String(first + index).padStart(Math.min(use.width, 20), '0'),
    ),
  };
}

/** supervisord starts a process again after an unexpected status, unless autorestart says otherwise. */
function exitKeys({ section }: Program): WorkerKeys {
  const how = (valueOf(section, 'autorestart') ?? 'unexpected').toLowerCase();
  if (/^(?:true|yes|on|1|t|y)$/.test(how)) return {};
  if (how !== 'unexpected') return { on_exit: 'never' };
  const codes = (valueOf(section, 'exitcodes') ?? '0').split(/[\s,]+/).map(Number);
  return { on_exit: 'on_failure', success_codes: [...new Set(codes)] };
}

const isOn = (value: string): boolean => /^(?:true|yes|on|1|t|y)$/i.test(value.trim());

const isFile = (value: string | undefined): value is string =>
  value !== undefined && !/^(?:auto|none|syslog)?$/i.test(value.trim());

/** Not a file in memory, below /dev/shm. */
const isStream = (path: string): boolean => /^\/dev\/(?:std|fd\/|null$|tty|console)/.test(path);

/** A log of each instance; undefined if its path is not known. */
function fileOf(path: string, count: number): string | undefined {
  if (hasVariable(path)) return undefined;
  const isMany = count > 1 && !path.includes('%i') && !isStream(path);
  return isMany ? path.replace(/(\.\w+)?$/, '-%i$1') : path;
}

const errorLog = (value: string, { section, expand, count }: Program): Carried => {
  if (!isFile(value) || isOn(valueOf(section, 'redirect_stderr') ?? '')) return {};
  const error = fileOf(expand(value), count);
  return error === undefined ? { leftOut: oneLog } : { keys: { log: { error } } };
};

/** supervisord rotates a log of more than 50 MB, and keeps ten. */
function logKeys({ section, expand, count }: Program): WorkerKeys {
  const written = valueOf(section, 'stdout_logfile');
  if (!isFile(written)) return {};
  const file = fileOf(expand(written), count);
  if (file === undefined) return {};
  if (isStream(file)) return { log: { file } };
  const size = (valueOf(section, 'stdout_logfile_maxbytes') ?? '50MB').toUpperCase();
  const keep = Number(valueOf(section, 'stdout_logfile_backups') ?? '10');
  const isLimited =
    sizePattern.test(size) && /^\d/.test(size) && Number.isInteger(keep) && keep > 0;
  return { log: { file, ...(isLimited && parseInt(size) > 0 && { max_size: size, keep }) } };
}

function noteOfLog({ section, count, expand }: Program): readonly string[] {
  const written = valueOf(section, 'stdout_logfile');
  if (!isFile(written)) return [];
  if (hasVariable(expand(written)))
    return ['stdout_logfile holds a variable of supervisord; the log is in log_dir instead'];
  return count > 1 && !expand(written).includes('%i') && !isStream(written)
    ? ['Each instance has a log of its own: its identifier was put into the name.']
    : [];
}

const environment = (value: string, { expand }: Program): Carried => {
  const pairs = [
    ...value.matchAll(/([^\s,=]+)\s*=\s*("(?:[^"\\]|\\[^])*"|'[^']*'|[^,\n]*)\s*(?:,|\n|$)/g),
  ].map(([, name = '', raw = '']): [string, string] => [
    name,
    expand(raw.trim().replace(/^(["'])([^]*)\1$/, '$2')),
  ]);
  const passed = pairs.filter(([name, text]) => text === variable(name)).map(([name]) => name);
  const unknown = pairs.filter(([name, text]) => hasVariable(text) && text !== variable(name));
  return {
    keys: {
      env: Object.fromEntries(pairs.filter(([, text]) => !hasVariable(text))),
      ...(passed.length > 0 && { pass_env: passed }),
    },
    ...(unknown.length > 0 && {
      leftOut: `${unknown.map(([name]) => name).join(', ')}: the value holds a variable of supervisord; put it into an env file`,
    }),
  };
};

/** The keys that all programs have from [supervisord]. */
function commonKeys({ path: file, folder }: TextFile, section: SectionOf): WorkerKeys {
  const value = valueOf(section, 'environment');
  if (value === undefined) return {};
  const program = { file, name: 'supervisord', section, count: 1, command: [] };
  return environment(value, { ...program, expand: expander(folder, 'supervisord', 1) }).keys ?? {};
}

const sessionStop = (value: string, { command }: Program): Carried => {
  if (!isOn(value)) return {};
  const problem = wrapperWarning({ command, stop: { signal: 'TERM', to: 'session' } });
  return problem === undefined ? { keys: { stop: { to: 'session' } } } : { leftOut: problem };
};

const rules: Rules<string, Program> = {
  command: null, // read above, as are those with null below
  process_name: null,
  numprocs: null,
  numprocs_start: null,
  autorestart: null,
  exitcodes: null,
  stdout_logfile: null,
  stdout_logfile_maxbytes: null,
  stdout_logfile_backups: null,
  directory: (value, { expand }) =>
    hasVariable(expand(value))
      ? { leftOut: 'it holds a variable of supervisord' }
      : { keys: { directory: expand(value) } },
  umask: (value) => ({ keys: { umask: value.padStart(3, '0').slice(-3) } }),
  environment,
  startsecs: (value) =>
    /^\d{1,4}$/.test(value) ? { keys: { ready: { after: `${value}s` } } } : { leftOut: value },
  autostart: (value) =>
    isOn(value)
      ? {}
      : { leftOut: 'workerctl start and bootcheck start all workers; stop keeps one down' },
  stopsignal: (value) => stopSignal(value),
  stopasgroup: sessionStop,
  stopwaitsecs: (value) => ({ leftOut: notKilled(`${value}s`) }),
  killasgroup: null, // a kill always means the whole session
  startretries: ownBackoff,
  priority: 'all workers start at once',
  user: (value) => owner(value),
  redirect_stderr: null,
  stderr_logfile: errorLog,
  stderr_logfile_maxbytes: null,
  stderr_logfile_backups: null,
  serverurl: null,
  stdout_syslog: 'a logger can do that: log.command: logger -t %n',
  stderr_syslog: oneLog,
};
