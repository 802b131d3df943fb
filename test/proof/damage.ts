import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readOr } from '../rig/files.ts';
import { isRoot } from '../rig/programs.ts';
import type { Random } from './random.ts';

/** A process that is not ours, as files name it. */
export interface Foreign {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * What is done to the file at `path`; `others` are the other files of the same directory tree. Returns words for the log.
 */
type Deed = (path: string, random: Random, others: readonly string[], foreign: Foreign) => string;

/** Values that no file of ours holds, or not there. */
const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1,
  2 ** 31,
  2 ** 53,
  1e308,
  0.5,
  '',
  'x',
  '../../etc/passwd',
  '__proto__',
  'SIGKILL',
  '2026-11-28T00:00:00Z',
  '\u001b[2J\n\0',
  'x'.repeat(70_000),
  [],
  [[]],
  {},
  { pid: 1, start_time: 1, boot_id: 'x' },
];

const replace = (path: string, put: () => void): void => {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  put();
};

const writeAnew = (path: string, text: string | Buffer): void => {
  replace(path, () => {
    writeFileSync(path, text);
  });
};

const linkTo =
  (targetOf: (path: string, random: Random, others: readonly string[]) => string): Deed =>
  (path, random, others) => {
    const target = targetOf(path, random, others);
    replace(path, () => {
      symlinkSync(target, path);
    });
    return `link to ${target}`;
  };

/** A terabyte that takes no room: reading it takes minutes, and holding it is impossible. */
const endless = 2 ** 40;

const devices = { zero: [1, 5], full: [1, 7], random: [1, 8], null: [1, 3] } as const;

const deeds: Readonly<Record<string, Deed>> = {
  truncated: (path, random) => {
    const text = textOf(path, '');
    const length = random.below(text.length + 1);
    writeAnew(path, text.slice(0, length));
    return `${length} of ${text.length} characters`;
  },
  empty: (path) => {
    writeAnew(path, '');
    return 'empty';
  },
  random: (path, random) => {
    const bytes = Buffer.from(Array.from({ length: random.below(3000) }, () => random.below(256)));
    writeAnew(path, bytes);
    return `${bytes.length} random bytes`;
  },
  'a flipped byte': (path, random) => {
    const bytes = Buffer.from(textOf(path, '{"schema":2}'));
    const at = random.below(Math.max(1, bytes.length));
    if (bytes.length > 0) bytes[at] = random.below(256);
    writeAnew(path, bytes);
    return `another byte at ${at}`;
  },
  'an odd value': (path, random) => {
    const value = random.pick(oddValues);
    const { json, place } = withOddValue(parsed(textOf(path, '')), value, random);
    writeAnew(path, `${JSON.stringify(json)}\n`);
    return `${JSON.stringify(value).slice(0, 40)} at ${place}`;
  },
  'a whole odd value': (path, random) => {
    const value = random.pick(oddValues);
    writeAnew(path, JSON.stringify(value));
    return JSON.stringify(value).slice(0, 40);
  },
  'a deep value': (path) => {
    writeAnew(path, '['.repeat(200_000));
    return '200000 brackets';
  },
  long: (path) => {
    writeAnew(path, `${textOf(path, '').trimEnd()}${' '.repeat(3_000_000)}\n`);
    return '3 MB longer';
  },
  'many lines': (path) => {
    writeAnew(path, '{}\n'.repeat(300_000));
    return '300000 lines';
  },
  endless: (path) => {
    const text = textOf(path, '');
    writeAnew(path, text);
    truncateSync(path, endless);
    return 'a terabyte of NULs behind it';
  },
  'a FIFO': (path) => {
    replace(path, () => spawnSync('mkfifo', ['-m', '666', path]));
    return 'FIFO';
  },
  'a socket': (path) => {
    // Where the path is too long, the short one is renamed.
    const short = join('/tmp', `.fuzz-${process.pid}-${basename(path).slice(-20)}`);
    replace(path, () => {
      bindSocket(short);
      renameSync(short, path);
    });
    return 'socket';
  },
  'a folder': (path) => {
    replace(path, () => {
      mkdirSync(path);
    });
    return 'folder';
  },
  'a full folder': (path) => {
    replace(path, () => mkdirSync(join(path, 'x'), { recursive: true }));
    writeFileSync(join(path, 'x', 'y'), 'precious');
    return 'folder with a file in it';
  },
  'a link to a device': linkTo((_, random) => `/dev/${random.pick(Object.keys(devices))}`),
  'a link to a file of the kernel': linkTo((_, random) =>
    random.pick([
      '/proc/kmsg',
      '/proc/self/mem',
      '/proc/self/environ',
      '/proc/kcore',
      '/proc/1/fd/0',
    ]),
  ),
  'a link to itself': linkTo((path) => path),
  'a link to nothing': linkTo(() => '/nonexistent/x'),
  'a link to a folder': linkTo((path) => dirname(path)),
  'a link to another file': linkTo((_, random, others) => random.pick(others)),
  'a device': (path, random, _, foreign) => {
    if (!isRoot) return deedOf('a link to a device')(path, random, [], foreign);
    const name = random.pick(Object.keys(devices)) as keyof typeof devices;
    replace(path, () => spawnSync('mknod', ['-m', '666', path, 'c', ...devices[name].map(String)]));
    return `device ${name}`;
  },
  missing: (path) => {
    rmSync(path, { recursive: true, force: true });
    return 'missing';
  },
  'without rights': (path) => {
    if (existsSync(path)) chmodSync(path, 0);
    return 'mode 0';
  },
  'a copy of another file': (path, random, others) => {
    const other = pickLike(path, random, others);
    writeAnew(path, textOf(other, ''));
    return `copy of ${basename(other)}`;
  },
  forged: (path, random, others, { pid, startTime }) => {
    const records = others.filter((other) => /\w\.\d+\.json$/.test(other) && isFile(other));
    const text = isFile(path) ? textOf(path, '') : textOf(random.pick(records), '');
    const base = basename(path).replace(/(?:~\w+)?\.\w+$/, '');
    const forged = text
      .replace(/("instance": ?)"[^"]*"/, `$1"${base}"`)
      .replace(/("pid": ?)\d+/g, `$1${pid}`)
      .replace(/("start_time": ?)\d+/g, `$1${startTime}`)
      .replace(/("shim_pid": ?)\d+/g, `$1${random.pick([0, process.pid])}`)
      .replace('"sent":true ', '"sent":false');
    writeAnew(path, path.endsWith('.pid') ? `${pid}\n` : forged);
    return 'names a foreign process';
  },
  'a reused pid': (path, _random, _others, { pid }) => {
    const text = isFile(path) ? textOf(path, '') : '';
    writeAnew(
      path,
      path.endsWith('.pid') ? `${pid}\n` : text.replace(/("pid": ?)\d+/g, `$1${pid}`),
    );
    return 'its pid is that of a younger process';
  },
  swapped: (path, random, others) => {
    const other = pickLike(path, random, others);
    if (isFile(path)) swap(path, other);
    else writeAnew(path, textOf(other, ''));
    return `swapped with ${basename(other)}`;
  },
};

/** More likely than the others: what a signal to a foreign process, or an endless read, would follow from. */
const names = [
  ...Object.keys(deeds),
  ...Array.from({ length: 5 }, () => 'forged'),
  ...Array.from({ length: 3 }, () => 'a reused pid'),
  ...Array.from({ length: 3 }, () => 'swapped'),
  ...Array.from({ length: 3 }, () => 'a copy of another file'),
  ...Array.from({ length: 3 }, () => 'endless'),
];

/** After these a file names another process. */
const ofIdentity = ['swapped', 'a copy of another file', 'a reused pid', 'forged'];

const deedOf = (name: string): Deed => {
  const deed = deeds[name];
  if (deed === undefined) throw new Error(`no such deed: ${name}`);
  return deed;
};

/**
 * Does something to a file, which need not exist, or lets it name another process. Returns what it was, in words.
 */
export function damage(
  path: string,
  random: Random,
  others: readonly string[],
  foreign: Foreign,
  what: 'anything' | 'identity' = 'anything',
): string {
  const name = random.pick(what === 'identity' ? ofIdentity : names);
  try {
    return `${name} (${deedOf(name)(path, random, others, foreign)})`;
  } catch (error) {
    return `${name} (impossible: ${String(error)})`; // such as a file in a directory that was replaced before
  }
}

/** The text of a file; what an earlier deed made endless, or a device, would fill the memory of the test. */
const textOf = (path: string, otherwise: string): string =>
  isFile(path) && lstatSync(path).size < 2 ** 24 ? readOr(path, otherwise) : otherwise;

const isFile = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** Another file that is there: one of an instance instead of another one's, if there is any. */
function pickLike(path: string, random: Random, others: readonly string[]): string {
  const there = others.filter((other) => isFile(other) && other !== path);
  const sameKind = there.filter(
    (other) => endOf(other) === endOf(path) && dirname(other) === dirname(path),
  );
  return random.pick(sameKind.length > 0 ? sameKind : there);
}

const endOf = (path: string): string => /[^.]*$/.exec(basename(path))?.[0] ?? '';

function swap(one: string, other: string): void {
  renameSync(one, `${one}.swap`);
  renameSync(other, one);
  renameSync(`${one}.swap`, other);
}

function bindSocket(path: string): void {
  rmSync(path, { force: true });
  spawnSync('perl', ['-MIO::Socket::UNIX', '-e', 'IO::Socket::UNIX->new(Local=>$ARGV[0])', path]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { schema: 2 };
  }
}

/** The value with another one at some place in it, and that place. */
function withOddValue(
  json: unknown,
  value: unknown,
  random: Random,
): { json: unknown; place: string } {
  if (typeof json !== 'object' || json === null || Object.keys(json).length === 0)
    return { json: value, place: '' };
  const copy = structuredClone(json) as Record<string, unknown>;
  const key = random.pick(Object.keys(copy));
  if (random.below(3) === 0) {
    copy[key] = value;
    return { json: copy, place: key };
  }
  const inner = withOddValue(copy[key], value, random);
  copy[key] = inner.json;
  return { json: copy, place: `${key}.${inner.place}` };
}
