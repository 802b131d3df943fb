import { WorkerctlError } from '../../core/basics/error.ts';
import { findProgram } from '../process/find-program.ts';
import { flockBackend, perlBackend } from './kernel-lock.ts';
import type { LockBackend } from './lock-file.ts';
import { portableBackend } from './portable-lock.ts';

let chosen: LockBackend | undefined;

/**
 * How this host locks: by flock(1), else by perl's flock (both are flock(2) and see each other's locks), else by directories.
 * `WORKERCTL_LOCK` chooses one of `flock`, `perl`, `portable`.
 * @throws WorkerctlError `usage` if its value is none of them, or the program is not installed
 */
export function lockBackend(env: NodeJS.ProcessEnv = process.env): LockBackend {
  chosen ??= chooseBackend(env);
  return chosen;
}

/** The lock backend that this environment chooses; not remembered. */
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

/** What this host locks with, and in words how far that can be trusted. */
export function describeLockBackend(backend: LockBackend): { name: string; trust: string } {
  if (backend.isKernelLock) {
    return {
      name: backend.name,
      trust: 'flock(2): the kernel frees it when its holder dies; flock(1) sees it',
    };
  }
  return {
    name: backend.name,
    trust:
      'a directory that is renewed: a holder that is stopped for 10 s loses it, and flock(1) does not see it; install util-linux or perl',
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
