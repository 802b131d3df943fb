import { basename, extname } from 'node:path';
import { sizePattern } from '../../../core/basics/bytes.ts';
import { escapedSpecifiers } from '../../../config/specifiers.ts';
import type { Slot } from '../../../config/yaml/tree.ts';
import type { FoundWorker, Reading, TextFile, WorkerKeys } from '../found.ts';
import { carry, merged, notKilled, ownBackoff, owner, type Carried, type Rules } from './carry.ts';
import { quotedWords } from './quoted-words.ts';
import { stopSignal } from './signals.ts';
import {
  entriesOf,
  entryOf,
  givenOf,
  isFalse,
  isTrue,
  itemsOf,
  textOf,
  textsOf,
  treeOf,
} from './tree-values.ts';
import { notWorker } from './web.ts';

// Source: pm2.keymetrics.io, "Ecosystem File"; pm2 5's lib/API/schema.json and lib/Common.js.

interface App {
  readonly file: string;
  readonly name: string;
  readonly slot: Slot;
}

/** The applications of a pm2 ecosystem file: JSON, in which pm2 allows comments, or YAML. */
export function readPm2(file: TextFile): Reading {
  const tree = treeOf({ ...file, text: withoutComments(file) });
  if (tree.kind === 'unread') return { workers: [], leftOut: [tree.note] };
  const { root, lineOf } = tree;
  const apps = itemsOf(entryOf(root, 'apps') ?? entryOf(root, 'pm2') ?? root);
  const readings = apps.map((slot) => readApp(file.path, slot, lineOf));
  return {
    workers: readings.flatMap(({ workers }) => workers),
    leftOut: readings.flatMap(({ leftOut }) => leftOut),
  };
}

/** Comments of JavaScript outside of strings become blanks, so that lines stay where they are. */
const withoutComments = ({ path, text }: TextFile): string =>
  /\.ya?ml$/.test(path)
    ? text
    : text.replace(/"(?:[^"\\]|\\[^])*"|\/\/[^\n]*|\/\*[^]*?\*\//g, (found) =>
        found.startsWith('"') ? found : found.replace(/[^\n]/g, ' '),
      );

function readApp(file: string, slot: Slot, lineOf: (slot: Slot) => number): Reading {
  const at = { file, line: lineOf(slot) };
  const script = textOf(entryOf(slot, 'script') ?? entryOf(slot, 'exec'));
  const name = textOf(entryOf(slot, 'name')) ?? basename(script ?? 'app', extname(script ?? ''));
  const leave = (words: string): Reading => ({
    workers: [],
    leftOut: [{ ...at, words: `${name} was left out: ${words}` }],
  });
  if (script === undefined) return leave('it has no script');
  const words = commandOf(script, slot);
  if (words === undefined) return leave('a quote in its args is not closed');
  const other = notWorker(name, words.join(' '));
  if (other !== undefined) return leave(other);
  const { keys, leftOut, notes } = carry(rules, givenOf(slot, lineOf), { file, name, slot });
  const worker: FoundWorker = {
    name,
    at,
    why: `an app of ${file}`,
    command: { kind: 'words', words: words.map(escapedSpecifiers) },
    keys: [instanceKeys(slot), keys, productionKeys(slot), exitKeys(slot)].reduce(merged, {}),
    notes,
  };
  return { workers: [worker], leftOut };
}

/** By the end of its name, as pm2 chooses. */
const interpreters: Readonly<Record<string, string>> = {
  '.js': 'node',
  '.cjs': 'node',
  '.mjs': 'node',
  '.ts': 'ts-node',
  '.py': 'python3',
  '.rb': 'ruby',
  '.php': 'php',
  '.pl': 'perl',
  '.sh': 'bash',
};

/** Undefined if a quote is not closed. */
function commandOf(script: string, slot: Slot): readonly string[] | undefined {
  const split = (key: string): readonly string[] | undefined => {
    const value = entryOf(slot, key);
    return value?.found.kind === 'list' ? textsOf(value) : quotedWords(textOf(value) ?? '');
  };
  const [args, nodeArgs, own] = [split('args'), split('node_args'), split('interpreter_args')];
  if (args === undefined || nodeArgs === undefined || own === undefined) return undefined;
  const named = textOf(entryOf(slot, 'interpreter') ?? entryOf(slot, 'exec_interpreter'));
  const interpreter = named ?? interpreters[extname(script)];
  const program = quotedWords(script);
  if (program === undefined) return undefined;
  if (interpreter === undefined || interpreter === 'none') return [...program, ...args];
  return [interpreter, ...nodeArgs, ...own, ...program, ...args];
}

/** pm2 counts instances from 0, and tells each its number. */
function instanceKeys(slot: Slot): WorkerKeys {
  const count = Number(textOf(entryOf(slot, 'instances')) ?? '1');
  if (!Number.isInteger(count) || count <= 1 || count > 500) return {};
  const variable = textOf(entryOf(slot, 'instance_var')) ?? 'NODE_APP_INSTANCE';
  return {
    identifiers: Array.from({ length: count }, (_, index) => String(index)),
    env: { [variable]: '%i' },
  };
}

function exitKeys(slot: Slot): WorkerKeys {
  if (isFalse(entryOf(slot, 'autorestart'))) return { on_exit: 'never' };
  const codes = textsOf(entryOf(slot, 'stop_exit_codes')).map(Number);
  return codes.length === 0 ? {} : { on_exit: 'on_failure', success_codes: codes };
}

const environment = (slot: Slot): Carried => ({
  keys: {
    env: Object.fromEntries(
      entriesOf(slot).flatMap(([name, value]) => {
        const text = textOf(value);
        return text === undefined ? [] : [[name, escapedSpecifiers(text)]];
      }),
    ),
  },
});

/** What `pm2 start --env production` adds. */
function productionKeys(slot: Slot): WorkerKeys {
  const production = entryOf(slot, 'env_production');
  return production === undefined ? {} : (environment(production).keys ?? {});
}

/** `300M`, or bytes. */
const memory = (slot: Slot): Carried => {
  const size = (textOf(slot) ?? '').toUpperCase();
  if (/^\d+$/.test(size)) return { keys: { recycle: { memory: Number(size) } } };
  return sizePattern.test(size)
    ? { keys: { recycle: { memory: size } } }
    : { leftOut: 'expected a size, such as 300M' };
};

const unlessFalse =
  (words: string) =>
  (slot: Slot): Carried =>
    isFalse(slot) ? {} : { leftOut: words };

const output = (slot: Slot, app: App): Carried => {
  const path = textOf(slot);
  if (path === undefined) return {};
  return { keys: { log: { file: fileOf(path, app) } } };
};

/** Each instance has a log of its own. */
function fileOf(path: string, app: App): string {
  const isMany = Object.hasOwn(instanceKeys(app.slot), 'identifiers');
  const file = escapedSpecifiers(path);
  return isMany ? file.replace(/(\.\w+)?$/, '-%i$1') : file;
}

const errorOutput = (slot: Slot, app: App): Carried => {
  const path = textOf(slot);
  const outputs = ['out_file', 'output', 'out', 'out_log', 'log_file', 'log'];
  const same = outputs.map((key) => textOf(entryOf(app.slot, key)));
  return path === undefined || same.includes(path)
    ? {}
    : { keys: { log: { error: fileOf(path, app) } } };
};

const limit = (slot: Slot): string => `${textOf(slot) ?? ''}ms`;

const rules: Rules<Slot, App> = {
  name: null, // read above, as are those with null below
  script: null,
  exec: null,
  args: null,
  node_args: null,
  interpreter: null,
  exec_interpreter: null,
  interpreter_args: null,
  autorestart: null,
  stop_exit_codes: null,
  instance_var: null,
  instances: (slot) => {
    const text = textOf(slot) ?? '';
    return /^[1-9]\d{0,2}$/.test(text)
      ? {}
      : { leftOut: `${text} means the number of processors: count says how many` };
  },
  exec_mode: (slot) =>
    /^cluster/.test(textOf(slot) ?? '')
      ? { leftOut: 'each instance is a process of its own, and they cannot share a port' }
      : {},
  cwd: (slot) => ({ keys: { directory: escapedSpecifiers(textOf(slot) ?? '.') } }),
  env: environment,
  env_production: null,
  max_memory_restart: memory,
  kill_timeout: (slot) => ({ leftOut: notKilled(limit(slot)) }),
  out_file: output,
  output,
  out: output,
  out_log: output,
  log_file: output,
  log: output,
  error_file: errorOutput,
  error: errorOutput,
  err_file: errorOutput,
  merge_logs: null,
  combine_logs: null,
  pid_file: null,
  cron_restart:
    'recycle.age replaces a process after a time, between two jobs; cron can run workerctl restart',
  cron: 'recycle.age replaces a process after a time, between two jobs; cron can run workerctl restart',
  watch: unlessFalse('workerctl restart after a deploy is the same'),
  ignore_watch: null,
  watch_options: null,
  wait_ready: (slot) =>
    isTrue(slot) ? { leftOut: "process.send('ready') has no reader here: see ready" } : {},
  shutdown_with_message: (slot) =>
    isTrue(slot) ? { leftOut: 'a worker is asked by a signal, see stop.signal' } : {},
  listen_timeout: null,
  max_restarts: ownBackoff,
  min_uptime: ownBackoff,
  restart_delay: ownBackoff,
  exp_backoff_restart_delay: ownBackoff,
  log_date_format: 'a worker writes its log itself',
  time: unlessFalse('a worker writes its log itself'),
  log_type: 'a worker writes its log itself',
  uid: (slot) => owner(textOf(slot) ?? ''),
  user: (slot) => owner(textOf(slot) ?? ''),
  kill_signal: (slot) => stopSignal(textOf(slot) ?? ''),
  source_map_support: null,
  disable_source_map_support: null,
  vizion: null,
  treekill: null,
  force: null,
  automation: null,
  pmx: null,
  namespace: null,
  windowsHide: null,
  env_development: null,
  env_staging: null,
};
