import { logFilesIn } from '../../core/model/launch.ts';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { durationOf, formatDuration, type Duration } from '../../core/basics/time.ts';
import { configWords, type Config } from '../../core/model/config.ts';
import { expandSpecifiers, instancesOf } from '../../core/model/instance.ts';
import { longestStop } from '../../core/rules/longest-stop.ts';
import { makeDirectory } from '../../host/files/make-directory.ts';
import { ownerOf, writeSystemFile } from '../../host/install/system-file.ts';
import { createAsk, type Ask } from '../../host/process/ask-program.ts';
import { loginRule } from '../../host/process/logind.ts';
import { currentUser } from '../../host/worker/environment.ts';
import {
  formatBootcheckService,
  formatTimer,
  timerHeader,
} from '../../output/install/systemd-timer.ts';
import { formatWatchUnit, longestOfUser } from '../../output/install/systemd-unit.ts';
import type { UnitFacts, UnitUser } from '../../output/install/unit-text.ts';

/** What was asked for, beside the config. */
export interface UnitOptions {
  readonly program: readonly string[];
  readonly hostName: string;
  /** For the user's own systemd. */
  readonly isOfUser: boolean;
  readonly keepsWorkers: boolean;
  readonly longestJob?: Duration;
  readonly after: readonly string[];
}

/** A text to print or what was done, and what people should know besides. */
export interface InstalledUnits {
  readonly text: string;
  readonly path?: string;
  readonly notes: readonly string[];
}

/**
 * The unit for `workerctl watch`.
 * @throws WorkerctlError `usage` if the workers would not survive what was asked for
 */
export async function watchUnit(config: Config, options: UnitOptions): Promise<InstalledUnits> {
  const { isOfUser, keepsWorkers } = options;
  if (isOfUser && keepsWorkers)
    throw new WorkerctlError(
      'usage',
      'install systemd --user: expected no --keep-workers: at a shutdown the systemd of a user kills what its units have left, in the middle of jobs',
    );
  const ask = createAsk(process.env);
  const wanted = options.longestJob ?? longestStop(config);
  const longestJob = isOfUser ? durationOf(Math.min(wanted ?? Infinity, longestOfUser)) : wanted;
  const facts = await factsFor(config, options, ask);
  const notes = isOfUser ? await userNotes(ask, wanted) : [];
  const isUnprivileged = facts.user !== undefined && facts.user.uid !== 0;
  const delegates = isUnprivileged && config.workers.some(({ cgroup }) => cgroup !== undefined);
  return { text: formatWatchUnit({ ...facts, delegates, longestJob, keepsWorkers }), notes };
}

/** The timer for `workerctl bootcheck` and its service, printed or written. */
export async function timerUnits(
  config: Config,
  options: UnitOptions,
  isWriting: boolean,
): Promise<InstalledUnits> {
  const ask = createAsk(process.env);
  const facts = await factsFor(config, options, ask);
  const folder = options.isOfUser
    ? join(process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'systemd', 'user')
    : '/etc/systemd/system';
  const files = [
    [join(folder, 'workerctl-bootcheck.service'), formatBootcheckService(facts)],
    [join(folder, 'workerctl-bootcheck.timer'), formatTimer(facts)],
  ] as const;
  const notes = [...(options.isOfUser ? await lingerNote(ask) : []), noDrain];
  if (!isWriting)
    return { text: files.map(([path, text]) => `# ${path}\n${text}`).join('\n'), notes };
  const otherwise = 'workerctl install timer prints both units; write them under other names';
  if (options.isOfUser) makeDirectory(folder);
  const done = files.map(([path, text]) => {
    const header = timerHeader(config.path);
    const result = writeSystemFile(path, text, { header, otherwise });
    return result === 'same' ? `${path} is up to date\n` : `wrote ${path}\n`;
  });
  const systemctl = `systemctl${options.isOfUser ? ' --user' : ''}`;
  const next = `to switch it on: ${systemctl} daemon-reload && ${systemctl} enable --now workerctl-bootcheck.timer\n`;
  return { text: `${done.join('')}${next}`, path: files[1][0], notes };
}

async function factsFor(config: Config, options: UnitOptions, ask: Ask): Promise<UnitFacts> {
  const { program, isOfUser, after } = options;
  return {
    program,
    config: config.path,
    configWords: configWords(config),
    user: isOfUser ? undefined : await userFor(config, ask),
    paths: pathsOf(config, options),
    after,
  };
}

/** The user who runs this; if that is root, the owner of the state directory or of the directory that it will be in. */
async function userFor({ stateDir }: Config, ask: Ask): Promise<UnitUser> {
  const uid = process.geteuid?.() ?? 0;
  const owner = uid === 0 ? await ownerOf(stateDir, ask) : undefined;
  return owner === undefined
    ? { name: currentUser().name, uid }
    : { name: owner.user, uid: owner.uid };
}

function pathsOf(config: Config, { program, hostName }: UnitOptions): string[] {
  const ofWorkers = config.workers.flatMap(instancesOf).flatMap((instance) => {
    const { directory, ...files } = instance.worker;
    return [directory, ...logFilesIn(files).map(dirname)].map((path) =>
      expandSpecifiers(path, instance, hostName),
    );
  });
  const all = [...program, config.path, config.stateDir, ...ofWorkers];
  return [...new Set(all.filter((path) => path.startsWith('/')))];
}

const noDrain =
  'when the host shuts down, nothing waits for jobs: systemd asks the workers to stop after everything else has ended, and kills them 90 s later; install systemd prints a unit that drains them first';

/** What a user's own systemd does not do by itself. */
async function userNotes(ask: Ask, wanted: Duration | undefined): Promise<string[]> {
  const unit = `user@${process.geteuid?.() ?? 0}.service`;
  const limit = formatDuration(longestOfUser);
  const cut = `when the host shuts down, jobs that take longer than ${limit} are lost: ${unit} ends after 120 s; use a system unit (install systemd without --user), or raise TimeoutStopSec in both (as root: systemctl edit ${unit})`;
  const isShort = wanted !== undefined && wanted <= longestOfUser;
  const order = `a user's systemd knows no services of the system: at a shutdown a database may end before the jobs; as root: systemctl edit ${unit}, and below [Unit] add After=postgresql.service`;
  return [...(await lingerNote(ask)), ...(isShort ? [] : [cut]), order];
}

async function lingerNote(ask: Ask): Promise<string[]> {
  const { name } = currentUser();
  if ((await loginRule(ask, name)).lingers === true) return [];
  return [
    `the units of ${name} start at its first login and end at its last logout, in the middle of jobs; to let them run from boot to shutdown: loginctl enable-linger ${name}`,
  ];
}
