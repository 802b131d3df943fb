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

/** The backends, the best one first; undefined if a program is missing. */
const backends: Readonly<Record<string, (env: NodeJS.ProcessEnv) => LockBackend | undefined>> = {
  flock: (env) => {
    const program = findProgram('flock', env);
    return program === undefined ? undefined : flockBackend(program, findProgram('perl', env));
  },
  perl: (env) => {
    const program = findProgram('perl', env);
    return program === undefined ? undefined : perlBackend(program);
  },
  portable: () => portableBackend,
};

/** The lock backend that this environment chooses; not remembered. */
export function chooseBackend(env: NodeJS.ProcessEnv): LockBackend {
  const { WORKERCTL_LOCK: wanted = '' } = env;
  const refused = (problem: string) => new WorkerctlError('usage', `WORKERCTL_LOCK${problem}`);
  if (wanted !== '' && !Object.hasOwn(backends, wanted))
    throw refused(`: expected flock, perl or portable, found ${JSON.stringify(wanted)}`);
  for (const name of wanted === '' ? Object.keys(backends) : [wanted]) {
    const backend = backends[name]?.(env);
    if (backend !== undefined) return backend;
  }
  throw refused(`=${wanted}: expected a program ${wanted}, found none in PATH`);
}

/** What this host locks with, and in words how far that can be trusted. */
export const describeLockBackend = (backend: LockBackend): { name: string; trust: string } => ({
  name: backend.name,
  trust: backend.isKernelLock
    ? 'flock(2): the kernel frees it when its holder dies; flock(1) sees it'
    : 'a directory that is renewed: a holder that is stopped for 10 s loses it, and flock(1) does not see it; install util-linux or perl',
});
