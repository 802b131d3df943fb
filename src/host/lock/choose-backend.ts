import { WorkerctlError } from '../../core/basics/error.ts';
import { findProgram } from '../process/find-program.ts';
import { flockBackend, perlBackend } from './kernel-lock.ts';
import type { LockBackend } from './lock-backend.ts';
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
