import { escapedSpecifiers } from '../../../config/specifiers.ts';
import { shellWord } from '../../../core/basics/shell-word.ts';
import type { Slot } from '../../../config/yaml/tree.ts';
import type { FoundCommand, FoundWorker, Reading, TextFile, WorkerKeys } from '../found.ts';
import { carry, notKilled, owner, type Carried, type Rules } from './carry.ts';
import { quotedWords } from './quoted-words.ts';
import { stopSignal } from './signals.ts';
import {
  entriesOf,
  entryOf,
  givenOf,
  isNothing,
  itemsOf,
  textOf,
  textsOf,
  treeOf,
} from './tree-values.ts';
import { notWorker } from './web.ts';

// Source: docs.docker.com, "Services top-level elements" and "Interpolation".

interface Service {
  readonly file: string;
  readonly name: string;
}

/** The services of a compose file that run a command of the project. */
export function readCompose(file: TextFile): Reading {
  const tree = treeOf(file);
  if (tree.kind === 'unread') return { workers: [], leftOut: [tree.note] };
  const { root, lineOf } = tree;
  const services = entriesOf(entryOf(root, 'services'));
  const readings = services.map(([name, slot]) =>
    readService(file.path, name, slot, lineOf(slot), lineOf),
  );
  return {
    workers: readings.flatMap(({ workers }) => workers),
    leftOut: readings.flatMap(({ leftOut }) => leftOut),
  };
}

function readService(
  file: string,
  name: string,
  slot: Slot,
  line: number,
  lineOf: (slot: Slot) => number,
): Reading {
  const at = { file, line };
  const leave = (words: string): Reading => ({
    workers: [],
    leftOut: [{ ...at, words: `${name} was left out: ${words}` }],
  });
  const words = [
    ...commandWords(entryOf(slot, 'entrypoint')),
    ...commandWords(entryOf(slot, 'command')),
  ];
  if (words.length === 0) {
    const image = textOf(entryOf(slot, 'image'));
    return leave(
      image === undefined ? 'it has no command' : `it runs what the image ${image} says`,
    );
  }
  const other = itemsOf(entryOf(slot, 'ports')).length > 0 ? notWorker('web', '') : undefined;
  const why = other ?? notWorker(name, words.join(' '));
  if (why !== undefined) return leave(why);
  const { keys, leftOut, notes } = carry(rules, givenOf(slot, lineOf), { file, name });
  const worker: FoundWorker = {
    name,
    at,
    why: `a service of ${file}`,
    command: commandOf(words),
    keys,
    notes,
  };
  return { workers: [worker], leftOut };
}

/** The words of a command, with what is still to be replaced in them. A text is split, and no shell reads it. */
const commandWords = (slot: Slot | undefined): readonly string[] =>
  slot?.found.kind === 'list' ? textsOf(slot) : (quotedWords(textOf(slot) ?? '') ?? []);

/** Compose replaces `$NAME` and `${NAME:-default}` itself, as a shell would; `$$` stands for a dollar sign. */
const interpolation = /(?<!\$)(?:\$\$)*\$(?:\{[A-Za-z_][^}]*\}|[A-Za-z_]\w*)/;

const hasVariable = (text: string): boolean => interpolation.test(text);

const unescaped = (text: string): string => text.replaceAll('$$', '$');

function commandOf(written: readonly string[]): FoundCommand {
  const words = written.map(escapedSpecifiers);
  if (!words.some(hasVariable)) return { kind: 'words', words: words.map(unescaped) };
  const line = words
    .map((word) =>
      hasVariable(word)
        ? `"${word.replace(/["\\`]/g, '\\$&').replaceAll('$$', '\\$')}"`
        : shellWord(unescaped(word)),
    )
    .join(' ');
  return { kind: 'line', line };
}

/** A value in which nothing is left to be replaced, defaults taken; undefined if a variable has none. */
function settled(text: string): string | undefined {
  const value = text.replace(/\$\{[A-Za-z_]\w*:?-([^{}$]*)\}/g, '$1');
  return hasVariable(value) ? undefined : escapedSpecifiers(unescaped(value));
}

/** `{NAME: value}`, or a list of `NAME=value`; without a value it is the caller's. */
const environment = (slot: Slot): Carried => {
  const pairs: readonly (readonly [string, string | undefined])[] =
    slot.found.kind === 'list'
      ? textsOf(slot).map((one) => {
          const [, name = '', value] = /^([^=]*)(?:=([^]*))?$/.exec(one) ?? [];
          return [name, value] as const;
        })
      : entriesOf(slot).map(([name, value]) => [
          name,
          isNothing(value) ? undefined : textOf(value),
        ]);
  const own = (name: string, value: string): boolean =>
    value === `\${${name}}` || value === `$${name}`;
  const passed = pairs.filter(([name, value]) => value === undefined || own(name, value));
  const set = pairs.flatMap(([name, value]) =>
    value === undefined || own(name, value) ? [] : [[name, settled(value)] as const],
  );
  const unknown = set.filter(([, value]) => value === undefined).map(([name]) => name);
  return {
    keys: {
      env: Object.fromEntries(set.filter(([, value]) => value !== undefined)) as WorkerKeys,
      ...(passed.length > 0 && { pass_env: passed.map(([name]) => name) }),
    },
    ...(unknown.length > 0 && {
      leftOut: `${unknown.join(', ')}: the value holds a variable; put it into an env file`,
    }),
  };
};

/** A path, several, or maps with a path. */
const envFiles = (slot: Slot): Carried => {
  const paths = itemsOf(slot).flatMap((item) => textOf(entryOf(item, 'path') ?? item) ?? []);
  const known = paths.flatMap((path) => settled(path) ?? []);
  return {
    keys: { env_files: known },
    ...(known.length < paths.length && { leftOut: 'a path holds a variable' }),
  };
};

const count = (slot: Slot | undefined): Carried => {
  const text = slot === undefined ? undefined : settled(textOf(slot) ?? '');
  if (text === undefined || !/^\d{1,3}$/.test(text)) return { leftOut: 'expected a number' };
  return { keys: { count: Number(text) } };
};

/** Compose starts nothing again unless `restart` says so. */
const restart = (slot: Slot): Carried => {
  const how = textOf(slot) ?? '';
  if (how === 'no' || how === 'false') return { keys: { on_exit: 'never' } };
  return how.startsWith('on-failure') ? { keys: { on_exit: 'on_failure' } } : {};
};

const deploy = (slot: Slot): Carried => {
  const replicas = entryOf(slot, 'replicas');
  const others = entriesOf(slot)
    .map(([key]) => key)
    .filter((key) => key !== 'replicas');
  const carried = replicas === undefined ? {} : count(replicas);
  return others.length === 0 || carried.leftOut !== undefined
    ? carried
    : { ...carried, leftOut: `${others.join(', ')}: workerctl has nothing like it` };
};

const container = 'it describes the container; the worker runs on the host';

const rules: Rules<Slot, Service> = {
  command: null, // read above, as are those with null below
  entrypoint: null,
  image: null,
  build: null,
  ports: null,
  environment,
  env_file: envFiles,
  deploy,
  scale: count,
  restart,
  stop_signal: (slot) => stopSignal(textOf(slot) ?? ''),
  stop_grace_period: (slot) => ({ leftOut: notKilled(textOf(slot) ?? '') }),
  working_dir: (slot) => ({
    leftOut: `${textOf(slot) ?? ''} is a path of the container; directory is the project's`,
  }),
  depends_on: 'workerctl starts workers without waiting for services',
  user: (slot) => owner(textOf(slot) ?? ''),
  container_name: null,
  hostname: null,
  pull_policy: null,
  platform: null,
  tty: null,
  stdin_open: null,
  init: null,
  labels: null,
  volumes: container,
  networks: container,
  links: container,
  extra_hosts: container,
  healthcheck: 'ready.command shows that a worker is ready; heartbeat watches it',
  logging: 'a logger can do that, see log.command',
  extends: 'the service that it extends was not read',
  profiles: 'all workers are started',
};
