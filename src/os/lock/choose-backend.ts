import { WorkerctlError } from '../../core/error.ts';
import { findProgram } from '../find-program.ts';
import { flockBackend, perlBackend } from './kernel-lock.ts';
import type { HeldLock, LockBackend } from './lock-backend.ts';
import type { LockKeeper } from './lock-keeper.ts';
import { portableBackend } from './portable-lock.ts';

let chosen: LockBackend | undefined;

/**
 * The way this host locks: flock(1), else perl's flock (both are flock(2) and see each other's locks), else directories.
 * `WORKERCTL_LOCK` chooses one of `flock`, `perl`, `portable`.
 * @throws WorkerctlError `usage` when that is none of them, or not to be had
 */
export function lockBackend(env: NodeJS.ProcessEnv = process.env): LockBackend {
  chosen ??= chooseBackend(env);
  return chosen;
}

/** Takes these locks without waiting, by a keeper where one knows them; undefined for those that somebody else holds. */
export async function tryLocks(
  keeper: LockKeeper | undefined,
  paths: readonly string[],
): Promise<readonly (HeldLock | undefined)[]> {
  if (keeper === undefined) return lockBackend().tryLock(paths);
  const kept = await Promise.all(paths.map((path) => keeper.tryLock(path)));
  const unknown = paths.filter((_, index) => kept[index] === undefined);
  const rest = unknown.length === 0 ? [] : await lockBackend().tryLock(unknown);
  const others = rest.values();
  return kept.map((lock) => {
    if (lock === undefined) return others.next().value;
    return lock === 'held' ? undefined : lock;
  });
}

/** The lock backend as this environment chooses it, without remembering it. */
export function chooseBackend(env: NodeJS.ProcessEnv): LockBackend {
  const { WORKERCTL_LOCK: wanted = '' } = env;
  switch (wanted) {
    case '':
      return flockHere(env) ?? perlHere(env) ?? portableBackend;
    case 'flock':
      return flockHere(env) ?? notHere('flock');
    case 'perl':
      return perlHere(env) ?? notHere('perl');
    case 'portable':
      return portableBackend;
    default:
      throw new WorkerctlError(
        'usage',
        `WORKERCTL_LOCK: expected flock, perl or portable, found ${JSON.stringify(wanted)}`,
      );
  }
}

/** What this host locks with, in words, for people who ask whether they can trust it. */
export function describeLockBackend(backend: LockBackend): { name: string; trust: string } {
  if (backend.isKernelLock) {
    return {
      name: backend.name,
      trust: 'flock(2): the kernel frees it when its holder dies; works together with flock(1)',
    };
  }
  return {
    name: backend.name,
    trust:
      'a renewed directory: a holder stopped for 10 s loses it, and flock(1) does not see it; install util-linux or perl',
  };
}

function flockHere(env: NodeJS.ProcessEnv): LockBackend | undefined {
  const program = findProgram('flock', env);
  return program === undefined ? undefined : flockBackend(program, findProgram('perl', env));
}

function perlHere(env: NodeJS.ProcessEnv): LockBackend | undefined {
  const program = findProgram('perl', env);
  return program === undefined ? undefined : perlBackend(program);
}

function notHere(program: string): never {
  throw new WorkerctlError(
    'usage',
    `WORKERCTL_LOCK=${program}: expected a program ${program}, found none in PATH`,
  );
}
