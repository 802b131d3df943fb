import { isAbsolute, join } from 'node:path';
import type { ExitRule, QuietMeans, Worker } from '../../core/model/config.ts';
import { quotedAsIs, secondsOf, unitText } from '../install/unit-text.ts';
import {
  leftOutBy,
  translated,
  translatedAll,
  writtenBy,
  type ExportedFile,
  type ExportFormat,
  type LeftOutRule,
  type Translation,
} from './exported.ts';
import { nowhere, secretsIn } from './left-out.ts';

/** A template, its environment and a target for each worker; see systemd.unit(5), systemd.service(5), systemd.exec(5). */
export const systemd: ExportFormat = {
  needsImage: false,
  header: writtenBy,
  exported: ({ workers }) => ({
    files: workers.flatMap(filesOf),
    leftOut: workers.flatMap((worker) => leftOutBy([...rules, ...nowhereHere], worker)),
  }),
};

const unitName = ({ name }: Worker): string => `workerctl-${name}`;

function filesOf(worker: Worker): ExportedFile[] {
  const name = unitName(worker);
  return [
    { path: `${name}@.service`, text: unitText(serviceLines(worker)) },
    { path: `${name}@.service.d/environment.conf`, text: unitText(environmentLines(worker)) },
    { path: `${name}.target`, text: unitText(targetLines(worker)) },
  ];
}

const targetLines = (worker: Worker): string[] => [
  writtenBy,
  '[Unit]',
  `Description=All instances of ${worker.name}`,
  ...worker.identifiers.map((identifier) => `Wants=${unitName(worker)}@${identifier}.service`),
  '',
  '[Install]',
  'WantedBy=multi-user.target',
];

/** `%i` and `%H` mean the same there. */
const translationOf = ({ name }: Worker, plain: Translation['plain']): Translation => ({
  i: '%i',
  p: name,
  n: `${name}.%i`,
  H: '%H',
  ...(plain && { plain }),
});

const percent = (text: string): string => text.replace(/%/g, '%%');

/** In a command, `$NAME` would be replaced as well. */
const dollar = (text: string): string => percent(text).replace(/\$/g, '$$$$');

const value = (worker: Worker, text: string): string =>
  quotedAsIs(translated(text, translationOf(worker, percent)));

/** A path of which systemd takes the whole rest of the line. */
const path = (worker: Worker, text: string): string =>
  translated(text, translationOf(worker, percent));

/** systemd takes a program by an absolute path or by a name alone, and replaces no variables in it. */
function command(worker: Worker, [program = '', ...words]: readonly string[]): string {
  const isRelative = program.includes('/') && !isAbsolute(program);
  const placed = isRelative ? join(worker.directory, program) : program;
  return [
    value(worker, placed),
    ...translatedAll(words, translationOf(worker, dollar)).map(quotedAsIs),
  ].join(' ');
}

const environmentLines = (worker: Worker): string[] => [
  writtenBy,
  '[Service]',
  'Environment=WORKERCTL_ID=%i',
  `Environment=${value(worker, 'WORKERCTL_INSTANCE=%n')} WORKERCTL_WORKER=${worker.name}`,
  ...Object.entries(worker.env).map(
    ([name, text]) => `Environment=${value(worker, `${name}=${text}`)}`,
  ),
  ...worker.envFiles.map((file) => `EnvironmentFile=${path(worker, file)}`),
];

const restartOf: Readonly<Record<ExitRule, string>> = {
  always: 'always',
  on_failure: 'on-failure',
  never: 'no',
};

function serviceLines(worker: Worker): string[] {
  const { ready, stop, backoff, limits, cgroup, daemonizes, runAs, noNewPrivs } = worker;
  const startLimit = daemonizes?.timeout ?? (ready.kind === 'notify' ? ready.timeout : undefined);
  return [
    writtenBy,
    '[Unit]',
    `Description=${worker.name}.%i`,
    `PartOf=${unitName(worker)}.target`,
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `Type=${daemonizes ? 'forking' : ready.kind === 'notify' ? 'notify' : 'exec'}`,
    ...(daemonizes ? [`PIDFile=${path(worker, worker.pidfile)}`] : []),
    ...(runAs ? [`User=${runAs.user}`] : []),
    ...(runAs?.group === undefined ? [] : [`Group=${runAs.group}`]),
    ...(noNewPrivs ? ['NoNewPrivileges=yes'] : []),
    `WorkingDirectory=${path(worker, worker.directory)}`,
    `ExecStart=${command(worker, worker.command)}`,
    ...(stop.quiet === undefined ? [] : [`ExecStop=${quietLine(worker, stop.quiet)}`]),
    `KillSignal=SIG${stop.signal}`,
    `KillMode=${killMode(worker)}`,
    `TimeoutStopSec=${stop.timeout === undefined ? 'infinity' : secondsOf(stop.timeout)}`,
    ...(startLimit === undefined ? [] : [`TimeoutStartSec=${secondsOf(startLimit)}`]),
    ...(hasWatchdog(worker) && worker.heartbeat
      ? [`WatchdogSec=${secondsOf(worker.heartbeat.timeout)}`]
      : []),
    `Restart=${restartOf[worker.onExit]}`,
    `RestartSec=${backoff.initial}ms`,
    `# With systemd 254 or later, for longer pauses: RestartSteps=8 and RestartMaxDelaySec=${secondsOf(backoff.max)}`,
    ...(worker.onExit === 'on_failure'
      ? [`SuccessExitStatus=${worker.successCodes.join(' ')}`]
      : []),
    `StandardOutput=append:${path(worker, worker.logFile)}`,
    worker.errorFile === undefined
      ? 'StandardError=inherit'
      : `StandardError=append:${path(worker, worker.errorFile)}`,
    `UMask=${worker.umask.toString(8).padStart(4, '0')}`,
    `Nice=${worker.nice}`,
    `OOMScoreAdjust=${worker.oomScoreAdj}`,
    ...Object.entries(limits).map(
      ([name, limit]) => `Limit${name.toUpperCase()}=${limit === 'unlimited' ? 'infinity' : limit}`,
    ),
    ...(cgroup?.memoryMax === undefined
      ? []
      : [`MemoryMax=${cgroup.memoryMax}`, 'MemorySwapMax=0']),
    ...(cgroup?.cpu === undefined ? [] : [`CPUQuota=${inHundredths(cgroup.cpu)}%`]),
    '',
    '[Install]',
    `WantedBy=${unitName(worker)}.target`,
  ];
}

/** systemd takes whole numbers and two digits. */
const inHundredths = (cores: number): number => Math.round(cores * 10_000) / 100;

const quietLine = (worker: Worker, quiet: QuietMeans): string =>
  typeof quiet === 'string' ? `/bin/kill -s ${quiet} $MAINPID` : command(worker, quiet.command);

/** Which processes are asked, and what happens to those that the worker leaves. */
function killMode({ stop }: Worker): string {
  if (stop.to === 'session') return 'control-group';
  return stop.leftovers === 'kill' ? 'mixed' : 'process';
}

const hasWatchdog = ({ ready }: Worker): boolean => ready.kind === 'notify';

const nowhereHere = nowhere.filter(([key]) => !['backoff', 'ready.notify'].includes(key));

const rules: readonly LeftOutRule[] = [
  [
    'env',
    ({ env, envFiles }) => envFiles.length > 0 && Object.keys(env).length > 0,
    'there, env_files go before env: take out of the files what env sets',
  ],
  [
    'log.max_size, log.command',
    ({ log }) => log !== undefined,
    'rotate the log with logrotate (copytruncate), or delete StandardOutput= and use the journal',
  ],
  [
    'heartbeat',
    (worker) => worker.heartbeat !== undefined && !hasWatchdog(worker),
    'systemd kills a silent process only if it sends WATCHDOG=1 by sd_notify',
  ],
  [
    'ready.after, ready.file, ready.command',
    ({ ready }) => ready.kind === 'file' || ready.kind === 'command' || ready.kind === 'after',
    'a start has succeeded as soon as the program is running',
  ],
  [
    'restart',
    ({ identifiers }) => identifiers.length > 1,
    (worker) =>
      `systemctl restart '${unitName(worker)}@*' asks all at once: no canary, no batches, no overlap`,
  ],
  secretsIn,
];
