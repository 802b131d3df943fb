import type { Socket } from 'node:net';
import { isStillAt } from '../files/is-still-at.ts';
import { findProgram } from '../process/find-program.ts';
import { hasDescriptors } from '../process/need-descriptors.ts';
import { childProcess, eachLine, helperEnvironment, letUsEndBefore } from '../process/spawn.ts';
import { lockBackend } from './choose-backend.ts';
import { closeQuietly, heldLock, openLockFile, type HeldLock } from './lock-file.ts';

/** Takes these locks without waiting, by the helper if it knows them; undefined for those that another process holds. */
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
 * Locks the same few files quickly, for a command that waits and must then act at once: a helper process that shares our
 * open files calls flock(2) on them. (Starting a program for each lock takes 3 ms.) The locks are on the open files, so they
 * remain ours if the helper dies. If we die, the helper ends and they are free.
 */
export interface LockHelper {
  /**
   * Takes the lock on one of its files, without waiting. `held`: another process holds it; undefined: the helper cannot
   * tell, ask the lock backend.
   */
  readonly tryLock: (path: string) => Promise<HeldLock | 'held' | undefined>;
  /** Whether it was created for this file, and has neither handed its lock on nor forgotten it. */
  readonly mayKnow: (path: string) => boolean;
  /** Ends the helper and gives up its locks. */
  readonly close: () => void;
}

export interface KeptLocks {
  /** Locked and released many times. */
  readonly again: string;
  /** Each is locked once and handed on, to a shim; then the helper forgets it. */
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

/** The first fd that a child inherits besides the standard ones. */
const firstFd = 3;

interface Kept {
  readonly path: string;
  readonly fd: number;
  /** Its fd in the helper. */
  readonly number: number;
}

/**
 * Starts the helper; undefined if there is no perl, or locks are not the kernel's. Files that cannot be opened are
 * skipped.
 */
export function createLockHelper(locks: KeptLocks): LockHelper | undefined {
  const perl = findProgram('perl', process.env);
  if (perl === undefined || !lockBackend().isKernelLock) return undefined;
  // It only saves time, and must not take the last descriptors.
  return hasDescriptors(locks.once.length + spared) ? helperFor(perl, locks) : undefined;
}

/** What must be left beside the lock files. */
const spared = 24;

function helperFor(perl: string, { again, once }: KeptLocks): LockHelper {
  const files = new Map<string, Kept>();
  const unused = new Set([again, ...once]);
  for (const path of unused) {
    const fd = tryToOpen(path);
    if (fd !== undefined) files.set(path, { path, fd, number: firstFd + files.size });
  }
  const fds = [...files.values()].map(({ fd }) => fd);
  const helper = startHelper(perl, fds);

  /** With the file closed here, and the helper ended or asked to unlock it, its lock is free. */
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
      // The lock file of a retiring process was renamed; its lock stays held for long.
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

/** What is wrong with the file, the lock backend will say. */
function tryToOpen(path: string): number | undefined {
  try {
    return openLockFile(path);
  } catch {
    return undefined;
  }
}

interface Helper {
  /** Its answer; undefined if it has ended. */
  readonly ask: (request: string) => Promise<string | undefined>;
  readonly end: () => void;
}

function startHelper(perl: string, fds: readonly number[]): Helper {
  const child = childProcess().spawn(perl, ['-e', script, String(fds.length)], {
    stdio: ['pipe', 'pipe', 'ignore', ...fds],
    detached: true, // out of reach of Ctrl-C, as long as we act
    env: helperEnvironment,
  });
  const stdin = child.stdin as Socket;
  const stdout = child.stdout as Socket;
  const waiting: ((answer: string | undefined) => void)[] = [];
  let hasEnded = false;
  const answered = (answer: string | undefined): void => {
    waiting.shift()?.(answer);
    if (waiting.length === 0) stdout.unref(); // an idle helper does not keep us from exiting
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
