import { accessSync, constants, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { fine, problem, warning, type Findings } from '../../core/views/finding.ts';
import { fileSystemKind } from '../../core/protocols/mounts.ts';
import { formatDuration } from '../../core/basics/time.ts';
import { passLockPath } from '../../engine/pass/pass.ts';
import { chooseBackend, describeLockBackend } from '../../host/lock/choose-backend.ts';
import type { LockBackend } from '../../host/lock/lock-file.ts';
import { passHolder } from '../../host/lock/pass-lock.ts';
import { mountOf } from '../../host/process/process-table.ts';
import { orElse, type Examination } from './examination.ts';

/** What this host locks with, whether the file system of the state directory really locks, and what holds the pass lock. */
export async function lockFindings({ config, env, ask }: Examination): Promise<Findings> {
  const { stateDir } = config;
  const backend = orElse(
    () => chooseBackend(env),
    ({ message }) =>
      problem('lock backend', message, [
        'every command that acts fails with this error',
        'unset WORKERCTL_LOCK, or install what it names',
      ]),
  );
  if ('level' in backend) return backend;
  const findings = [backendFinding(backend), holderFinding(stateDir)];
  if (!isWritable(stateDir)) return findings; // the check of the directory reports that
  const probe = join(stateDir, probeName());
  try {
    if (fileSystemKind(mountOf(stateDir)?.type ?? '') === 'network') {
      // A lock that the server does not answer blocks the caller: a program asks first, which can be killed.
      const asked = await ask('flock', ['-n', probe, 'true']);
      if (asked.kind === 'failed') return [findings, notLocking(stateDir, asked.problem)];
    }
    return [findings, await probeFinding(backend, stateDir, probe)];
  } finally {
    for (const path of [probe, `${probe}.d`]) rmSync(path, { recursive: true, force: true });
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

/** If we are killed, the next pass removes it: it looks like a file that was left half written. */
const probeName = (): string => `doctor.${process.pid}.new`;

function backendFinding(backend: LockBackend): Findings {
  const { name, trust } = describeLockBackend(backend);
  if (backend.isKernelLock) return fine('lock backend', `${name}: ${trust}`);
  return warning(
    'lock backend',
    `${name} (proper-lockfile), because there is neither flock nor perl`,
    [trust.replace(/; install.*/, ''), 'install util-linux or perl'],
  );
}

/** A pass takes milliseconds; one that takes this long hangs. */
const longMs = 60_000;

function holderFinding(stateDir: string): Findings {
  const holder = passHolder(passLockPath(stateDir));
  if (holder === undefined || holder.age < longMs) return [];
  const { pid, command, age } = holder;
  return problem(
    'pass lock',
    `pid ${pid} (workerctl ${command}) has held it for ${formatDuration(age)}`,
    [
      'meanwhile no bootcheck can start anything',
      `see what it is doing: ps -o stat,wchan,args -p ${pid}; if it is stopped, kill -CONT ${pid}, else kill ${pid}; no worker is affected`,
    ],
  );
}

async function probeFinding(
  backend: LockBackend,
  stateDir: string,
  probe: string,
): Promise<Findings> {
  try {
    const [first] = await backend.tryLock([probe]);
    const [second] = first === undefined ? [undefined] : await backend.tryLock([probe]);
    await second?.release();
    await first?.release();
    if (first === undefined) return notLocking(stateDir, 'a lock on a new file was refused');
    if (second !== undefined) return notLocking(stateDir, 'the same lock was granted twice');
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    return notLocking(stateDir, error.message);
  }
  return fine(`locks in ${stateDir}`, 'a second lock on a probe file was refused, so they work');
}

const notLocking = (stateDir: string, found: string): Findings =>
  problem(`locks in ${stateDir}`, found, [
    'two commands at the same time could start the same worker twice',
    'put state_dir on a local file system that this user can write to',
  ]);
