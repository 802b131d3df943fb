import { logFilesIn } from '../core/model/launch.ts';
import { hostname } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { bootcheckLines, withBootcheck, withoutBootcheck } from '../core/protocols/crontab.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { expandSpecifiers, instancesOf } from '../core/model/instance.ts';
import { noDesired, type Desired } from '../core/model/desired.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { configWords, type Config, type Worker } from '../core/model/config.ts';
import { readCrontab, writeCrontab } from '../host/install/crontab.ts';
import { realPathOrSelf } from '../host/files/real-path.ts';
import { groupName } from '../host/files/users.ts';
import { accountOf, isAccount } from '../host/process/account.ts';
import { createAsk, type Ask } from '../host/process/ask-program.ts';
import { currentUser } from '../host/worker/environment.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { checkStateDirectory } from '../host/state/state-directory.ts';
import { ownerOf, writeSystemFile } from '../host/install/system-file.ts';
import { printed } from '../output/json/answer.ts';
import { installAnswer } from '../output/json/answers.ts';
import { formatLogrotate, logrotateHeader } from '../output/install/logrotate.ts';
import { configFor, configToActOn } from '../cli/config.ts';
import { defineCommand, type Arguments } from '../cli/command.ts';
import { duration, expecting, flag, value } from '../cli/options.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { print, printError } from '../cli/print.ts';

const logrotatePath = '/etc/logrotate.d/workerctl';

const units = expecting('units like postgresql.service,redis.service', (text) => {
  const names = text.split(',');
  return names.every((name) => /^[\w:.\\@-]+\.[a-z]+$/.test(name)) ? names : undefined;
});

const options = {
  write: flag('put it in its place instead of printing it (cron, timer, logrotate)'),
  remove: flag('take it out again (cron)'),
  dryRun: flag('with --write or --remove: show the crontab as it would be; change nothing (cron)'),
  user: flag("for your own systemd instead of the system's (systemd, timer)"),
  keepWorkers: flag('let only a shutdown of the host drain the workers (systemd)'),
  longestJob: value(
    'DURATION',
    'how long a drain may take (systemd; default: the longest stop.timeout, or no limit)',
    duration,
  ),
  after: value(
    'UNITS',
    'what else jobs need: starts before the workers, and stops after them',
    units,
  ),
};

type Asked = Omit<Arguments<typeof options>, 'global'>;

export const command = defineCommand({
  summary: 'Print what the host needs: lines for cron, a unit for systemd, a file for logrotate.',
  operands: 'cron|systemd|timer|logrotate',
  description: `
cron: runs bootcheck every minute and at boot; --write adds it to your crontab, once, and --remove takes
it out; with --dry-run they only show what the crontab would be.

systemd: a unit that runs workerctl watch. When the host shuts down, the workers finish their jobs
before what they need stops; systemctl stop and restart drain them as well, unless --keep-workers is
given.

timer: a timer of systemd that runs bootcheck, in place of cron, and its service; --write puts both into
/etc/systemd/system (--user: ~/.config/systemd/user).

logrotate: for all logs that neither log.max_size nor log.command takes care of; --write puts it into
${logrotatePath}.`,
  options,
  examples: [
    ['workerctl install cron --write'],
    [
      'workerctl install systemd --longest-job 15m | sudo tee /etc/systemd/system/workerctl.service',
    ],
    ['workerctl install systemd --after minio.service,vpn.service'],
  ],
  exitCodes: { done: '', failed: 'it cannot be written' },
  run: async ({ global, ...asked }) => {
    // A timer runs as the owner of the state directory, and is held to what that user trusts.
    const isTrusting = asked.write && asked.targets[0] !== 'timer';
    const config = await (isTrusting ? configToActOn : configFor)(global);
    const { notes = [], ...installed } = await install(config, asked);
    print(global.json ? printed(installAnswer, installed) : installed.text);
    for (const note of notes) printError(`workerctl: note: ${note}\n`);
    return exitCodes.done.code;
  },
});

/** The text for the host, or (with its path) what was done to a file. */
interface Installed {
  readonly text: string;
  readonly path?: string;
  /** What people should know besides. */
  readonly notes?: readonly string[];
}

async function install(config: Config, asked: Asked): Promise<Installed> {
  const [what = 'nothing', ...more] = asked.targets;
  if (what !== 'cron' && (asked.remove || asked.dryRun))
    throw new WorkerctlError('usage', 'install: --remove and --dry-run are for cron only');
  if (more.length === 0)
    switch (what) {
      case 'logrotate':
        return installLogrotate(config, asked.write);
      case 'cron':
        return installCron(config, asked);
      case 'systemd':
      case 'timer':
        return installUnits(config, what, asked);
    }
  throw new WorkerctlError(
    'usage',
    `install: expected cron, systemd, timer or logrotate, found ${[what, ...more].join(' ')}`,
  );
}

/**
 * This very workerctl by absolute paths: cron and systemd have another PATH. One with a Node.js of its own is named as it was
 * called, because that may be a link which stays when it leads to another version.
 */
function commandOf(...words: readonly string[]): readonly string[] {
  const launcher = join(__dirname, '..', 'bin', 'workerctl');
  const [, called = launcher] = process.argv;
  if (!process.execPath.startsWith(join(__dirname, '..', 'node') + sep))
    return [process.execPath, launcher, ...words];
  return [realPathOrSelf(called) === realPathOrSelf(launcher) ? called : launcher, ...words];
}

async function installLogrotate(file: Config, isWriting: boolean): Promise<Installed> {
  const desired = trustedDesired(file);
  const { path, workers } = withCounts(file, desired ?? noDesired);
  const hostName = hostname();
  const logsOf = workers
    .filter(({ log }) => log === undefined)
    .flatMap(instancesOf)
    .flatMap((instance) =>
      logFilesIn(instance.worker).map((file) => ({
        log: expandSpecifiers(file, instance, hostName),
        worker: instance.worker,
      })),
    );
  const leftOut = workers.flatMap(({ name, log }) => {
    if (log === undefined) return [];
    const rotator = log.kind === 'piped' ? 'its logger' : 'workerctl itself';
    return [`${name} is not included: ${rotator} rotates its logs.`];
  });
  const ask = createAsk(process.env);
  const keyOf = ({ log, worker: { runAs } }: (typeof logsOf)[number]): string =>
    JSON.stringify([dirname(log), runAs]);
  const firsts = new Map(logsOf.toReversed().map((one) => [keyOf(one), one]));
  const folders = await Promise.all(
    [...firsts].toReversed().map(async ([key, first]) => ({
      logs: [...new Set(logsOf.filter((one) => keyOf(one) === key).map(({ log }) => log))],
      owner: await rotatorOf(first, ask),
    })),
  );
  const text = formatLogrotate({
    config: path,
    folders,
    leftOut,
    followsCounts: desired !== undefined,
  });
  if (!isWriting) return { text };
  const otherwise = `as root: workerctl install logrotate --config ${path} > /etc/logrotate.d/NAME`;
  const done = writeSystemFile(logrotatePath, text, { header: logrotateHeader(path), otherwise });
  const said = done === 'same' ? `${logrotatePath} is up to date\n` : `wrote ${logrotatePath}\n`;
  return { path: logrotatePath, text: said };
}

/** Whom logrotate becomes for a log: the user of the worker, or else the owner of the directory. */
async function rotatorOf(
  { log, worker: { runAs } }: { readonly log: string; readonly worker: Worker },
  ask: Ask,
): Promise<{ user: string; group: string } | undefined> {
  const account = runAs && accountOf(runAs);
  if (account === undefined || !isAccount(account)) return ownerOf(dirname(log), ask);
  return { user: account.name, group: groupName(account.gid) };
}

/**
 * The desired state; undefined if another user may have written it. Usually root installs, for a user who owns the state
 * directory: a file in it may be a link to any other file.
 */
function trustedDesired({ stateDir }: Config): Desired | undefined {
  try {
    checkStateDirectory(stateDir);
  } catch (error) {
    if (error instanceof WorkerctlError && error.code === 'state') return undefined;
    throw error;
  }
  return readDesired(stateDir);
}

async function installCron(
  config: Config,
  { write, remove, dryRun }: Pick<Asked, 'write' | 'remove' | 'dryRun'>,
): Promise<Installed> {
  const command = commandOf('bootcheck', ...configWords(config));
  const lines = bootcheckLines(command);
  if (write && remove)
    throw new WorkerctlError('usage', 'install cron: expected --write or --remove, found both');
  if (!write && !remove)
    return { text: lines.map((line) => `${line}\n`).join(''), notes: distrustNotes(config) };
  const ask = createAsk(process.env);
  const before = await readCrontab(ask);
  const after = remove
    ? withoutBootcheck(before, config.path)
    : withBootcheck(before, command, config.path);
  if (dryRun) return { text: after, notes: distrustNotes(config) };
  const of = `the crontab of ${currentUser().name}`;
  if (after === before)
    return { text: remove ? `${of} has no line for this config\n` : `${of} is up to date\n` };
  await writeCrontab(ask, after);
  if (remove) return { text: `removed from ${of}: the lines for this config\n` };
  return { text: `added to ${of}:\n${lines.map((line) => `  ${line}\n`).join('')}` };
}

/** The lines are for the crontab of one whom the config belongs to: the caller's bootcheck would refuse it. */
const distrustNotes = ({ path, distrust }: Config): readonly string[] =>
  distrust === undefined
    ? []
    : [
        `${path}: this config is not trusted: ${distrust}; bootcheck in your crontab would refuse it, so run this as the owner of the workers, or with --trust-config`,
      ];

async function installUnits(
  config: Config,
  what: 'systemd' | 'timer',
  { write, user, keepWorkers, longestJob, after }: Asked,
): Promise<Installed> {
  const { timerUnits, watchUnit } = await import('./install/systemd.ts');
  const facts = {
    program: commandOf(),
    hostName: hostname(),
    isOfUser: user,
    keepsWorkers: keepWorkers,
    after: after ?? [],
    ...(longestJob !== undefined && { longestJob }),
  };
  if (what === 'timer') return timerUnits(config, facts, write);
  if (write)
    throw new WorkerctlError(
      'usage',
      'install systemd: expected no --write, because you choose the name of the unit',
      { hint: 'workerctl install systemd | sudo tee /etc/systemd/system/workerctl.service' },
    );
  return watchUnit(config, facts);
}
