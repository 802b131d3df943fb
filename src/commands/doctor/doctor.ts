import { dirname } from 'node:path';
import { drainFindings } from './drains.ts';
import { processFindings } from './processes.ts';
import { timeoutFindings } from './timeouts.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { problem, warning, type Finding, type Report } from '../../core/views/finding.ts';
import type { Config } from '../../core/model/config.ts';
import { createAsk, type Ask } from '../../host/process/ask-program.ts';
import { sleep } from '../../host/process/clock.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { cronFindings } from './cron.ts';
import { examine, type Examination } from './examination.ts';
import { kernelFindings } from './kernel.ts';
import { limitFindings } from './limits.ts';
import { lockFindings } from './lock.ts';
import { loginFindings } from './logins.ts';
import { notifyFindings } from './notify.ts';
import { programFindings } from './programs.ts';
import { residentFindings } from './resident.ts';
import { runnerFindings } from './runners.ts';
import { stateDirectoryFindings } from './state-directory.ts';
import { stateFileFindings } from './state-files.ts';
import { unitFindings } from './units.ts';
import { workerFindings } from './workers.ts';

type Check = (examination: Examination) => readonly Finding[] | Promise<readonly Finding[]>;

/** All checks, in the order in which they are told. */
const checks: Readonly<Record<string, Check>> = {
  kernel: kernelFindings,
  programs: programFindings,
  'state-directory': stateDirectoryFindings,
  'state-files': stateFileFindings,
  lock: lockFindings,
  workers: workerFindings,
  limits: limitFindings,
  processes: ({ config, observation, marked }) => processFindings(config, observation, marked),
  drains: ({ desired, observation }) => drainFindings(desired, observation),
  timeouts: ({ config, observation }) => timeoutFindings(config, observation),
  watch: residentFindings,
  notify: notifyFindings,
  cron: cronFindings,
  systemd: unitFindings,
  logins: loginFindings,
  runners: runnerFindings,
};

/** Longer than any program that a check asks may take, twice. */
const limitMs = 10_000;

/**
 * Looks for what will bite, and says what to do. Changes nothing: the only file that it writes is a probe for the lock,
 * which it removes. Takes no other lock, and waits for nobody: a program that is asked has 3 seconds.
 */
export async function doctor(config: Config, env: NodeJS.ProcessEnv): Promise<readonly Report[]> {
  const silent = await silentFolders(config, createAsk(env));
  // Whoever touches a folder of a dead server hangs with it.
  if (silent.length > 0) return [{ check: 'folders', findings: silent }];
  const examination = examine(config, env);
  return Promise.all(
    Object.entries(checks).map(async ([check, look]) => ({
      check,
      findings: await bounded(check, async () => look(examination)),
    })),
  );
}

/** A check that fails, or does not end, is a finding as well. */
async function bounded(
  check: string,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const given = new AbortController();
  const late = sleep(limitMs, given.signal).then(() => [notMade(check, 'it does not end')]);
  try {
    return await Promise.race([look(), late]);
  } catch (error) {
    const why = error instanceof WorkerctlError ? error.message : describeErrno(error);
    return [notMade(check, why)];
  } finally {
    given.abort();
  }
}

const notMade = (check: string, why: string): Finding =>
  warning(`check ${check}`, `it could not be made: ${why}`, [
    'what it looks for is not known',
    'mend that first; if it looks like a bug of workerctl, please report it',
  ]);

/** The folders that do not answer. A program asks, since it can be left behind; where there is none, nobody knows. */
async function silentFolders({ stateDir, workers }: Config, ask: Ask): Promise<Finding[]> {
  const folders = new Set([
    stateDir,
    ...workers.flatMap(({ directory, logFile }) => [directory, dirname(logFile)]),
  ]);
  const asked = await Promise.all(
    [...folders].map(async (folder) => ({ folder, answer: await ask('stat', ['-L', folder]) })),
  );
  return asked.flatMap(({ folder, answer }) =>
    answer.kind !== 'failed'
      ? []
      : [
          problem(folder, 'it does not answer within 3 s: a dead network file system?', [
            'every command that touches it hangs; nothing else was looked at',
            'mount it anew, or bring its server back',
          ]),
        ],
  );
}
