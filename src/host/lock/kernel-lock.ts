import { closeSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { isStillAt } from '../files/is-still-at.ts';
import { childProcess, helperEnvironment } from '../process/spawn.ts';
import {
  closeQuietly,
  heldLock,
  openLockFile,
  type HeldLock,
  type LockBackend,
} from './lock-file.ts';

/**
 * flock(2) without native code: a helper program locks an inherited fd. The lock is on the open file description, which
 * we share, so it stays when the helper has ended.
 */
interface Helper {
  readonly name: 'flock' | 'perl';
  readonly call: (fds: readonly number[]) => Call;
}

/** How to lock some fds. The program prints those that another process holds, and exits with 0; else it failed. */
interface Call {
  readonly program: string;
  readonly words: readonly string[];
  /** For a single fd: this exit code, in place of printing, says that another process holds it. */
  readonly heldCode?: number;
}

/** The first fd that a child inherits besides the standard ones. */
const firstFd = 3;

/** util-linux or busybox flock(1), once for each fd; only its exit code 1 means "held". */
const flockScript =
  'for fd; do "$0" -n "$fd"; code=$?; if [ $code -eq 1 ]; then echo "$fd"; elif [ $code -ne 0 ]; then exit $code; fi; done';

export const flockBackend = (program: string, perl?: string): LockBackend =>
  kernelBackend({
    name: 'flock',
    call: (fds) => {
      if (fds.length === 1) return { program, words: ['-n', ...fds.map(String)], heldCode: 1 };
      // The same flock(2): a hundred locks by one process in place of a hundred.
      if (perl !== undefined) return perlCall(perl, fds);
      return { program: '/bin/sh', words: ['-c', flockScript, program, ...fds.map(String)] };
    },
  });

/** LOCK_EX | LOCK_NB is 6 and EWOULDBLOCK is 11 on Linux: the modules that know these names take 5 ms to load. */
const perlScript = `for my $fd (@ARGV) {
  open(my $file, "+<&=", $fd) or die "fd $fd: $!";
  flock($file, 6) or ($! == 11 ? print "$fd\\n" : die "fd $fd: $!");
  push @main::open, $file;
}`;

export const perlBackend = (program: string): LockBackend =>
  kernelBackend({ name: 'perl', call: (fds) => perlCall(program, fds) });

const perlCall = (program: string, fds: readonly number[]): Call => ({
  program,
  words: ['-e', perlScript, ...fds.map(String)],
});

function kernelBackend(helper: Helper): LockBackend {
  return {
    name: helper.name,
    isKernelLock: true,
    tryLock: (paths) => Promise.resolve(tryLock(helper, paths)),
  };
}

function tryLock(helper: Helper, paths: readonly string[]): (HeldLock | undefined)[] {
  const fds: number[] = [];
  try {
    for (const path of paths) fds.push(openLockFile(path));
    const held = heldByOthers(helper, fds);
    return fds.map((fd, index) => {
      if (!held.has(index) && isStillAt(fd, paths[index] ?? '')) return heldLock(fd);
      closeSync(fd);
      return undefined;
    });
  } catch (error) {
    for (const fd of fds) closeQuietly(fd);
    throw error;
  }
}

/** The indexes of the fds whose lock another process holds. */
function heldByOthers(helper: Helper, fds: readonly number[]): Set<number> {
  const { program, words, heldCode } = helper.call(fds.map((_, index) => index + firstFd));
  const run = () =>
    childProcess().spawnSync(program, words, {
      stdio: ['ignore', heldCode === undefined ? 'pipe' : 'ignore', 'pipe', ...fds],
      // A session of its own: Ctrl-C must not interrupt it. (spawnSync supports this, its types do not.)
      ...{ detached: true },
      env: helperEnvironment,
      encoding: 'utf8',
    });
  let result = run();
  // Ctrl-C may have reached it before it had that session. Locking again what is locked changes nothing.
  if (result.signal !== null) result = run();
  if (heldCode !== undefined && result.status === heldCode) return new Set([0]);
  if (result.error !== undefined || result.status !== 0) {
    const found =
      result.error === undefined
        ? result.stderr.trim() || (result.signal ?? `exit status ${String(result.status)}`)
        : result.error.message;
    throw new WorkerctlError('state', `${helper.name} cannot lock: ${found}`, {
      hint: 'move state_dir to a file system that supports flock(2)',
      cause: result.error,
    });
  }
  if (heldCode !== undefined) return new Set();
  return new Set(
    result.stdout
      .split('\n')
      .filter(Boolean)
      .map((fd) => Number(fd) - firstFd),
  );
}
