import { lockBackend } from './choose-backend.ts';
import type { HeldLock } from './lock-backend.ts';
import type { Socket } from 'node:net';
import { childProcess } from '../process/spawn.ts';
import { findProgram } from '../process/find-program.ts';
import { eachLine, letUsEndBefore } from '../process/spawn.ts';
import { closeQuietly, isStillAt, heldLock, openLockFile } from './lock-file.ts';

/** Takes these locks without waiting, by a keeper where one knows them; undefined for those that somebody else holds. */
export async function tryLocks(
  lockHelper: LockHelper | undefined,
  paths: readonly string[],
): Promise<readonly (HeldLock | undefined)[]> {
  if (lockHelper === undefined) return lockBackend().tryLock(paths);
  const kept = await Promise.all(paths.map((path) => lockHelper.tryLock(path)));
  const unknown = paths.filter((_, index) => kept[index] === undefined);
  const rest = unknown.length === 0 ? [] : await lockBackend().tryLock(unknown);
  const others = rest.values();
  return kept.map((lock) => {
    if (lock === undefined) return others.next().value;
    return lock === 'held' ? undefined : lock;
  });
}

/**
 * Locks the same few files quickly, for who waits and then has to act at once: a helper that shares our open files calls
 * flock(2) on them. To start a program for each lock takes 3 ms. The locks lie on the open files, so they are still ours when
 * the helper dies; when we do, it ends, and they are free.
 */
export interface LockHelper {
  /**
   * Takes the lock on one of its files, without waiting. `held`: somebody else has it; undefined: it cannot tell, ask the
   * lock backend.
   */
  readonly tryLock: (path: string) => Promise<HeldLock | 'held' | undefined>;
  /** Whether it was made for this file, and has not handed its lock on yet or lost sight of it. */
  readonly mayKnow: (path: string) => boolean;
  /** Ends the helper, and gives up what it keeps. */
  readonly close: () => void;
}

/** What a keeper is for. */
export interface KeptLocks {
  /** Taken again and again. */
  readonly again: string;
  /** Each is handed on once it is locked, to a shim: from then on the keeper does not know it. */
  readonly once: readonly string[];
}

/**
 * A line for each request, a line for each answer. LOCK_EX | LOCK_NB is 6, LOCK_UN is 8 and EWOULDBLOCK is 11 on Linux:
 * the modules that know these names take 5 ms to load.
 */
const script = `$| = 1;
my %file;
for my $fd (3 .. 2 + shift) { open($file{$fd}, "+<&=", $fd) or exit 1 }
while (<STDIN>) {
  my ($what, $fd) = split;
  if ($what eq "unlock") { print flock($file{$fd}, 8) ? "done\\n" : "failed\\n" }
  elsif (!flock($file{$fd}, 6)) { print $! == 11 ? "held\\n" : "failed\\n" }
  else { delete $file{$fd} if $what eq "give"; print "locked\\n" }
}`;

/** The first fd that a child gets beyond its standard ones. */
const firstFd = 3;

interface Kept {
  readonly path: string;
  readonly fd: number;
  /** What the helper calls it. */
  readonly number: number;
}

/** Starts the helper; undefined where there is no perl, or no kernel lock. It does without files that cannot be opened. */
export function createLockHelper({ again, once }: KeptLocks): LockHelper | undefined {
  const perl = findProgram('perl', process.env);
  if (perl === undefined || !lockBackend().isKernelLock) return undefined;
  const files = new Map<string, Kept>();
  const unused = new Set([again, ...once]);
  for (const path of unused) {
    const fd = tryToOpen(path);
    if (fd !== undefined) files.set(path, { path, fd, number: firstFd + files.size });
  }
  const fds = [...files.values()].map(({ fd }) => fd);
  const helper = startHelper(perl, fds);

  /** Whatever became of its lock: with the file closed here, and the helper's gone or told, nobody has it. */
  const forget = ({ path, fd }: Kept): void => {
    unused.delete(path);
    if (files.delete(path)) closeQuietly(fd);
  };
  const unlock = async (file: Kept): Promise<void> => {
    if ((await helper.ask(`unlock ${file.number}`)) !== 'done') forget(file);
  };
  const takeAgain = async (file: Kept): Promise<HeldLock | undefined> => {
    if (isStillAt(file.fd, file.path)) return heldLock(file.fd, () => unlock(file));
    await unlock(file);
    forget(file);
    return undefined;
  };
  const takeOnce = (file: Kept): HeldLock | undefined => {
    unused.delete(file.path);
    files.delete(file.path);
    if (!isStillAt(file.fd, file.path)) {
      closeQuietly(file.fd);
      return undefined;
    }
    return heldLock(file.fd);
  };
  return {
    tryLock: async (path) => {
      const file = files.get(path);
      if (file === undefined) return undefined;
      const isAgain = path === again;
      const answer = await helper.ask(`${isAgain ? 'lock' : 'give'} ${file.number}`);
      if (answer === 'locked') return isAgain ? takeAgain(file) : takeOnce(file);
      // That of a process that is leaving was renamed, and is held for long.
      if (answer === 'held' && isStillAt(file.fd, file.path)) return 'held';
      forget(file);
      return undefined;
    },
    mayKnow: (path) => unused.has(path),
    close: () => {
      helper.end();
      for (const file of files.values()) forget(file);
    },
  };
}

/** Who asks the backend for it is told what is wrong with it. */
function tryToOpen(path: string): number | undefined {
  try {
    return openLockFile(path);
  } catch {
    return undefined;
  }
}

interface Helper {
  /** Its answer; undefined when it has ended. */
  readonly ask: (request: string) => Promise<string | undefined>;
  readonly end: () => void;
}

function startHelper(perl: string, fds: readonly number[]): Helper {
  const child = childProcess().spawn(perl, ['-e', script, String(fds.length)], {
    stdio: ['pipe', 'pipe', 'ignore', ...fds],
    detached: true, // Ctrl-C at the terminal must not end it while we still act
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
  });
  const stdin = child.stdin as Socket;
  const stdout = child.stdout as Socket;
  const waiting: ((answer: string | undefined) => void)[] = [];
  let hasEnded = false;
  const answered = (answer: string | undefined): void => {
    waiting.shift()?.(answer);
    if (waiting.length === 0) stdout.unref(); // an idle helper keeps nobody from ending
  };
  const ended = (): void => {
    hasEnded = true;
    while (waiting.length > 0) answered(undefined);
  };
  eachLine(stdout, answered);
  stdin.on('error', ended);
  child.on('error', ended).on('close', ended);
  letUsEndBefore(child);
  return {
    ask: (request) =>
      new Promise((resolve) => {
        if (hasEnded) {
          resolve(undefined);
          return;
        }
        waiting.push(resolve);
        stdout.ref();
        stdin.write(`${request}\n`);
      }),
    end: () => stdin.end(),
  };
}
