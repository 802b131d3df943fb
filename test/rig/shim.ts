import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { momentOf } from '../../src/core/basics/time.ts';
import { recordMembers } from '../../src/host/state/records.ts';
import type { Scratch } from './scratch.ts';
import { until } from './wait.ts';
import { bootId, isAlive } from './kernel.ts';

export const shimScript = fileURLToPath(new URL('../../src/host/worker/shim.sh', import.meta.url));

/** What a shim is started with beyond its command. */
export interface ShimOptions {
  readonly instance?: string;
  readonly stateDir?: string;
  readonly pidfile?: string;
  readonly script?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly umask?: string;
  readonly limits?: string;
  readonly oomScoreAdj?: string;
}

/** A shim at work, as start-worker.ts starts it. */
export interface ShimAtWork {
  readonly pid: number;
  readonly stateDir: string;
  readonly path: (kind: string) => string;
  readonly read: (kind: string) => string;
  readonly log: () => string;
  /** The pid of the worker, as soon as the shim has published it. */
  readonly worker: () => Promise<number>;
  /** Waits for the end of the shim, and returns its report without the run id. */
  readonly report: () => Promise<Record<string, unknown>>;
  readonly ended: () => Promise<void>;
}

export const startName = 'abcdef0123456789';

/** Runs shim.sh with this command; its lock file is handed to it open but not locked. */
export function runShim(
  scratch: Scratch,
  command: readonly string[],
  options: ShimOptions = {},
): ShimAtWork {
  const { instance = 'mail.1', stateDir = scratch.path('state') } = options;
  mkdirSync(stateDir, { recursive: true });
  const path = (kind: string): string => `${stateDir}/${instance}.${kind}`;
  const pidfile = options.pidfile ?? path('pid');
  const logFile = scratch.path('worker.log');
  const fds = [
    openSync(logFile, 'a'),
    openSync(path('shim'), 'w'),
    openSync(path('lock'), 'a+'),
  ] as const;
  const words = ['supervise', instance, stateDir, pidfile, startName];
  const child = scratch.run(['/bin/sh', options.script ?? shimScript, ...words, ...command], {
    stdio: ['ignore', ...fds],
    detached: true,
    env: {
      WORKERCTL_STATE_DIR: stateDir,
      WORKERCTL_ID: '1',
      SHIM_RECORD: recordMembers({
        bootId: bootId(),
        instance,
        runId: startName,
        startedAt: momentOf(Date.now()),
        commandDigest: '0123456789ab',
        stopSignal: 'TERM',
        log: { path: `${logFile} %s "quoted" \\`, offset: 0 },
      }),
      SHIM_UMASK: options.umask ?? '022',
      SHIM_LIMITS: options.limits ?? '',
      SHIM_OOM_SCORE_ADJ: options.oomScoreAdj ?? ownOomScoreAdj(),
      SHIM_PATH: process.env['PATH'],
      SHIM_SETSID: '/usr/bin/setsid',
      ...options.env,
    },
  });
  for (const fd of fds) closeSync(fd);
  const read = (kind: string): string => readFileSync(path(kind), 'utf8');
  return {
    pid: child.pid,
    stateDir,
    path,
    read,
    log: () => readFileSync(logFile, 'utf8'),
    ended: child.ended,
    worker: () =>
      until('a pidfile and a record', () => {
        try {
          return existsSync(path('json')) && Number(readFileSync(pidfile, 'utf8'));
        } catch {
          return undefined;
        }
      }),
    report: async () => {
      await until('the end of the shim', () => !isAlive(child.pid));
      const { run_id: runId, ...death } = JSON.parse(read('exit')) as Record<string, unknown>;
      if (runId !== startName) throw new Error(`the report of another start: ${String(runId)}`);
      return death;
    },
  };
}

export const ownOomScoreAdj = (): string => readFileSync('/proc/self/oom_score_adj', 'utf8').trim();
