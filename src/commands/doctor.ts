import { logFilesIn } from '../core/model/launch.ts';
import { defineCommand } from '../cli/command.ts';
import { configFor } from '../cli/config.ts';
import { printPainted, terminalSize } from '../cli/print.ts';
import { colours } from '../cli/colours.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import {
  countOf,
  listed,
  problem,
  warning,
  type Finding,
  type Findings,
  type Report,
} from '../core/views/finding.ts';
import { formatReports } from '../output/doctor.ts';
import { printed } from '../output/json/answer.ts';
import { doctorAnswer } from '../output/json/doctor.ts';
import { dirname } from 'node:path';
import { drainFindings, timeoutFindings } from './doctor/time-limits.ts';
import { processFindings } from './doctor/processes.ts';
import { witnessFindings } from './doctor/witnesses.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Config } from '../core/model/config.ts';
import type { ProcessRecord } from '../core/model/record.ts';
import { shimWords } from '../host/process/strays.ts';
import { createAsk, type Ask } from '../host/process/ask-program.ts';
import { shellWord } from '../core/basics/shell-word.ts';
import { foreignOwner } from '../host/state/state-directory.ts';
import { sleep } from '../host/process/clock.ts';
import { describeErrno } from '../host/files/errno.ts';
import { needDescriptors } from '../host/process/need-descriptors.ts';
import { notificationFindings } from './doctor/notifications.ts';
import { configTrustFindings } from './doctor/config-trust.ts';
import { cronFindings } from './doctor/cron.ts';
import { examine, type Examination } from './doctor/examination.ts';
import { kernelFindings, programFindings } from './doctor/host.ts';
import { limitFindings } from './doctor/limits.ts';
import { logFindings } from './doctor/logs.ts';
import { memoryFindings } from './doctor/memory.ts';
import { lockFindings } from './doctor/lock.ts';
import { loginFindings, shutdownFindings, unitFindings } from './doctor/units.ts';
import { notifyFindings, residentFindings } from './doctor/watch.ts';
import { runnerFindings } from './doctor/runners.ts';
import { stateDirectoryFindings } from './doctor/state-directory.ts';
import { stateFileFindings } from './doctor/state-files.ts';
import { instanceFindings } from './doctor/instances.ts';
import { rolloutFindings } from './doctor/rollouts.ts';
import { linkFindings } from './doctor/links.ts';
import { presetFindings } from './doctor/presets.ts';
import { workerFindings } from './doctor/workers.ts';

export const command = defineCommand({
  summary: 'Check this host for problems before they hurt. Changes nothing.',
  operands: '',
  description: `
It looks at locks, files, processes, timeouts, limits, permissions, cron, systemd and CI runners. Each
finding says what was found, why it matters and what to do. The only file that it writes is a probe
for the lock, which it removes.`,
  options: {},
  examples: [['workerctl doctor', 'after the first deploy, and whenever something is odd']],
  exitCodes: { done: 'no problems; there may be warnings', failed: 'problems', config: '' },
  run: async ({ global }) => {
    needDescriptors(40); // some of its questions are asked at once
    const reports = await doctor(await configFor(global), process.env);
    printPainted(
      global.json
        ? printed(doctorAnswer, reports)
        : formatReports(reports, await colours(), terminalSize()?.columns),
    );
    return exitCodes[countOf(reports, 'problem') === 0 ? 'done' : 'failed'].code;
  },
});

type Check = (examination: Examination) => Findings | Promise<Findings>;

/** All checks by name, in the order in which they are reported. */
const checks: Readonly<Record<string, Check>> = {
  kernel: kernelFindings,
  programs: programFindings,
  config: configTrustFindings,
  'state-directory': stateDirectoryFindings,
  'state-files': stateFileFindings,
  lock: lockFindings,
  workers: workerFindings,
  presets: presetFindings,
  links: linkFindings,
  limits: limitFindings,
  memory: memoryFindings,
  processes: ({ config, observation, marked }) =>
    processFindings(config, observation, marked, hasShim),
  instances: instanceFindings,
  restarts: rolloutFindings,
  logs: logFindings,
  witnesses: witnessFindings,
  drains: ({ desired, observation }) => drainFindings(desired, observation),
  timeouts: ({ config, observation }) => timeoutFindings(config, observation),
  watch: residentFindings,
  notify: notifyFindings,
  notifications: notificationFindings,
  cron: cronFindings,
  systemd: unitFindings,
  logins: loginFindings,
  shutdown: (examination) => shutdownFindings(examination),
  runners: runnerFindings,
};

const hasShim = ({ shimPid, runId }: ProcessRecord): boolean => shimWords(shimPid)?.runId === runId;

/** Twice the time that a program which a check asks may take, and more. */
const limitMs = 10_000;

/**
 * Looks for problems before they hurt, and says what to do. Changes nothing: the only file that it writes is a probe for
 * the lock, which it removes. It takes no other lock, and a program that it asks has 3 seconds to answer.
 */
export async function doctor(config: Config, env: NodeJS.ProcessEnv): Promise<readonly Report[]> {
  const silent = listed(await silentFolders(config, createAsk(env)));
  // Any access to a directory of a dead file server hangs, so all other checks would hang too.
  if (silent.length > 0) return [{ check: 'directories', findings: silent }];
  const foreign = foreignState(config);
  if (foreign !== undefined) return [{ check: 'state-directory', findings: [foreign] }];
  const examination = await examine(config, env);
  return Promise.all(
    Object.entries(checks).map(async ([check, look]) => ({
      check,
      findings: listed(await bounded(check, async () => look(examination))),
    })),
  );
}

/** Another user sees other crontabs and permissions than the owner of the workers: nothing else would be true. */
function foreignState({ stateDir, path }: Config): Finding | undefined {
  const users = foreignOwner(stateDir);
  if (users === undefined) return undefined;
  return problem(
    `state directory ${stateDir}`,
    `belongs to ${users.owner}, you are ${users.caller}`,
    [
      'permissions, crontab and processes have to be looked at as the owner of the workers; nothing else was checked',
      `sudo -u ${shellWord(users.owner)} workerctl doctor --config ${shellWord(path)}`,
    ],
  );
}

/** A check that fails or does not end is a finding, too. */
async function bounded(check: string, look: () => Promise<Findings>): Promise<Findings> {
  const given = new AbortController();
  const late = sleep(limitMs, given.signal).then(() => [notMade(check, 'it does not end')]);
  try {
    return await Promise.race([look(), late]);
  } catch (error) {
    const cause = error instanceof WorkerctlError ? error.message : describeErrno(error);
    return [notMade(check, cause)];
  } finally {
    given.abort();
  }
}

const notMade = (check: string, cause: string): Findings =>
  warning(`check ${check}`, `could not be made: ${cause}`, [
    'what it looks for stays unknown',
    'fix that first; if it looks like a bug in workerctl, please report it',
  ]);

/** The directories that do not answer. A program asks, because it can be left behind if it hangs. */
async function silentFolders({ stateDir, workers }: Config, ask: Ask): Promise<Findings> {
  const folders = new Set([
    stateDir,
    ...workers.flatMap(({ directory, pidfile, envFiles, ...files }) => [
      directory,
      ...[...logFilesIn(files), pidfile, ...envFiles].map((path) => dirname(path)),
    ]),
  ]);
  const asked = await Promise.all(
    [...folders].map(async (folder) => ({ folder, answer: await ask('stat', ['-L', folder]) })),
  );
  return asked.flatMap(({ folder, answer }) =>
    answer.kind !== 'failed'
      ? []
      : problem(folder, 'does not answer within 3 s; probably a dead network file system', [
          'every command that touches it hangs; no other check was made',
          'mount it again, or bring its server back',
        ]),
  );
}
