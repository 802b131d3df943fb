import { readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mayHang, mountAt, type Mount } from '../../core/protocols/mounts.ts';
import { monotonicMs, sleep } from './clock.ts';
import { silentPaths } from './silent-paths.ts';
import { childProcess, helperEnvironment } from './spawn.ts';

/** The question to a file system, which ends when that has answered: its size, because attributes may be cached. */
const question = ['stat', '-f', '-L'];

const limitMs = 5_000;

/** For how long an answer counts. */
const freshMs = 5_000;

/** Of the first of these paths that is on a file system which does not answer: which one, in words. */
export const silentMount = async (
  mounts: readonly Mount[],
  paths: readonly string[],
  words?: readonly string[],
): Promise<string | undefined> => {
  const [first] = (await silentMounts(mounts, paths, words)).values();
  return first;
};

/** Those of these paths that are on a file system which does not answer, each with that in words. */
export async function silentMounts(
  mounts: readonly Mount[],
  paths: readonly string[],
  words: readonly string[] = question,
): Promise<ReadonlyMap<string, string>> {
  const links = new Map<string, string | undefined>();
  const slow = new Map<Mount, string[]>();
  for (const path of new Set(paths)) {
    const mount = slowMountOf(mounts, path, links);
    if (mount !== undefined) slow.set(mount, [...(slow.get(mount) ?? []), path]);
  }
  const asked = await Promise.all(
    [...slow].map(async ([mount, on]) =>
      (await answers(mount, words, on)) ? [] : on.map((path) => ({ mount, path })),
    ),
  );
  return new Map(asked.flat().map(({ path, mount }) => [path, silentWords(path, mount)]));
}

const silentWords = (path: string, { type, point }: Mount): string =>
  `${path}: ${type} at ${point} has not answered for ${limitMs / 1000} s; bring its server back, or mount it again`;

const mostLinks = 40; // as the kernel has it

/**
 * The first mount on the way to a path that may hang. What is on it is not touched: the names before it are looked up one by
 * one, and links among them are followed.
 */
export function slowMountOf(
  mounts: readonly Mount[],
  path: string,
  known: Map<string, string | undefined> = new Map(),
): Mount | undefined {
  const names = partsOf(path);
  let at = '/';
  for (let links = 0; ;) {
    const mount = mountAt(mounts, at);
    if (mount !== undefined && mayHang(mount.type)) return mount;
    const name = names.shift();
    if (name === undefined) return undefined;
    const next = join(at, name); // `..` in a link leads up
    const below = mountAt(mounts, next);
    const target = below !== undefined && mayHang(below.type) ? undefined : linkAt(next, known);
    if (target === undefined || links >= mostLinks) {
      at = next;
      continue;
    }
    links += 1;
    names.unshift(...partsOf(target));
    if (target.startsWith('/')) at = '/';
  }
}

const partsOf = (path: string): string[] => path.split('/').filter(Boolean);

/** What a link leads to; undefined for anything else. */
function linkAt(path: string, known: Map<string, string | undefined>): string | undefined {
  if (!known.has(path)) known.set(path, readLink(path));
  return known.get(path);
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** A question that was put to a file system. */
interface Asked {
  readonly at: number;
  readonly answer: Promise<void>;
  answeredAt?: number;
  /** What is silent until then. */
  readonly paths: Set<string>;
}

const questions = new Map<string, Asked>();

/**
 * Whether a file system answers in time. While a question waits longer, no other is put, and no command waits again: the
 * answer to it shows that the file system is back.
 */
async function answers(
  mount: Mount,
  words: readonly string[],
  paths: readonly string[],
): Promise<boolean> {
  const before = questions.get(mount.point);
  const isUsable =
    before !== undefined &&
    (before.answeredAt === undefined || monotonicMs() - before.answeredAt < freshMs);
  const asked = isUsable ? before : ask(words, resolve(mount.point));
  questions.set(mount.point, asked);
  if (asked.answeredAt !== undefined) return true;
  const left = asked.at + limitMs - monotonicMs();
  const note = (): false => {
    for (const path of paths) {
      asked.paths.add(path);
      silentPaths.add(path);
    }
    return false;
  };
  if (left <= 0) return note();
  const over = new AbortController();
  const isInTime = await Promise.race([
    asked.answer.then(() => true),
    sleep(left, over.signal).then(note),
  ]);
  over.abort();
  return isInTime;
}

/** A host without the program is not asked. */
function ask([program = '', ...words]: readonly string[], path: string): Asked {
  const options = { cwd: '/', env: helperEnvironment, stdio: 'ignore', detached: true } as const;
  const child = childProcess().spawn(program, [...words, path], options);
  const end = (): void => {
    child.kill('SIGKILL'); // it waits in the kernel, and may outlive us for as long as it does
  };
  process.once('exit', end);
  child.unref();
  const asked: Asked = {
    at: monotonicMs(),
    paths: new Set(),
    answer: new Promise((answered) => {
      const finish = (): void => {
        process.off('exit', end);
        asked.answeredAt = monotonicMs();
        for (const path of asked.paths) silentPaths.delete(path);
        answered();
      };
      child.once('error', finish).once('exit', finish);
    }),
  };
  return asked;
}
