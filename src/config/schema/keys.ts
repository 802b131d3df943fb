import {
  exitRules,
  failureRules,
  leftoverRules,
  notifiedByDefault,
  occasions,
  quietSignals,
  stopSignals,
  stopTargets,
  webhookFormats,
} from '../../core/model/config.ts';
import { presetNames } from '../../core/presets/table.ts';
import { quietMeans } from './quiet-means.ts';
import { secretPlace } from './secret-place.ts';
import { section, type Conflict, type Keys, type Section } from './section.ts';
import { listOf, recordOf, withAbsent } from './value-type.ts';
import * as value from './scalars.ts';
import * as text from './texts.ts';

// The table of keys. The checks, the defaults, the JSON Schema, the print of `check` and the reference page follow from
// it: a new key is one entry here, and its rule where it is used. What depends on several keys is in cross-checks.ts.

const start = section({
  timeout: {
    type: value.positiveDuration,
    default: '60s',
    help: 'With daemonizes: how long the command may take to end and the pidfile to name the daemon. Then the start has failed.',
  },
  parallel: {
    type: value.whole(1, 10_000),
    without: 'twice the cores, at least 8',
    help: 'How many instances bootcheck and watch start at a time, after a boot or if more than 20 are missing: one more as soon as one is ready. Instances that a command was asked to start do not wait for a turn.',
    example: 4,
  },
});

const log = section(
  {
    file: {
      type: text.filePath,
      without: '%n.log in log_dir',
      help: 'The file that the output is appended to.',
    },
    error: {
      type: text.filePath,
      without: 'standard error goes to the same file as standard output',
      help: 'A file of its own for standard error.',
      example: 'log/%n.err.log',
    },
    max_size: {
      type: value.rotatedSize,
      without: 'the log only grows',
      help: 'A longer log is rotated by bootcheck or watch to x.log.1, x.log.2 and so on.',
      example: '100MB',
    },
    keep: {
      type: value.whole(1, 1000),
      default: 5,
      help: 'With max_size: how many rotated logs are kept.',
    },
    command: {
      type: text.command,
      without: 'no logger',
      help: 'A logger that the output is piped to, instead of max_size. The file then holds what the logger itself prints.',
      example: 'svlogd -tt /var/log/%n',
    },
  },
  {
    conflicts: [
      ['command', 'error', 'the logger gets both outputs'],
      ...(['max_size', 'keep'] as const).map((other): Conflict => [
        'command',
        other,
        'a logger limits the size of its files itself',
      ]),
    ],
  },
);

const limits = section({
  nofile: { type: value.natural, default: 1024, help: 'Open files.' },
  nproc: { type: value.naturalOrUnlimited, without: 'unchanged', help: 'Processes of the user.' },
  core: { type: value.sizeOrUnlimited, without: 'unchanged', help: 'The size of a core dump.' },
  as: {
    type: value.sizeOrUnlimited,
    without: 'unchanged',
    help: 'The address space.',
    example: '4GB',
  },
  memory_max: {
    type: value.memoryMax,
    without: 'unlimited',
    help: 'How much memory an instance may have with all of its children; none of it is swapped out, and the kernel kills what takes more. Needs control groups of version 2.',
    example: '512MB',
  },
  cpu: {
    type: value.cores,
    without: 'unlimited',
    help: 'How many cores an instance may keep busy with all of its children. Needs control groups of version 2.',
    example: 0.5,
  },
});

/** The ways in which a worker can show that it is ready, but for the passing of time. */
const readySigns = ['log', 'file', 'command', 'notify'] as const;

const readyConflicts = ['after', ...readySigns].flatMap((one, i, all) =>
  all.slice(i + 1).map((other): Conflict => [one, other, 'choose one of them']),
);

const ready = section(
  {
    after: {
      type: value.duration,
      default: '1s',
      help: 'It is ready when it has been running for this long.',
    },
    log: {
      type: text.regexp,
      without: 'not used',
      help: 'It is ready when it writes a line to its log whose first 4 kB match (JavaScript, flag m; no lookaround, no back references).',
      example: '^worker \\d+ is up',
    },
    file: {
      type: text.filePath,
      without: 'not used',
      help: 'It is ready when it has written or touched this file.',
      example: 'tmp/%n.ready',
    },
    command: {
      type: text.command,
      without: 'not used',
      help: 'It is ready when this command, run in its directory and environment, exits with 0.',
      example: 'bin/ping %i',
    },
    notify: {
      type: value.onlyTrue,
      without: 'not used',
      help: 'It is ready when it sends READY=1 by sd_notify(3). workerctl watch must be running.',
    },
    timeout: {
      type: value.positiveDuration,
      default: '60s',
      help: 'With log, file, command or notify: the start has failed if it is not ready after this time.',
    },
    stay: {
      type: value.positiveDuration,
      without: 'it is ready at once',
      help: 'It is ready only if it is still alive this long after it became ready, in whatever way.',
      example: '5s',
    },
  },
  { conflicts: [...readyConflicts, ['after', 'timeout', 'after needs no timeout']] },
);

const stop = section({
  signal: {
    type: value.signal(
      stopSignals,
      '; write signal: TERM, and timeout: 2h to kill what takes longer',
    ),
    default: 'TERM',
    help: 'The signal that asks the worker to finish its job and exit.',
  },
  quiet: {
    type: quietMeans,
    without: 'none',
    help: 'What makes the worker take no new jobs: a signal, or a command that concerns this instance only.',
    example: 'TSTP',
  },
  resume: {
    type: quietMeans,
    without: 'the worker is replaced',
    help: 'What makes the worker take jobs again after quiet.',
    example: 'CONT',
  },
  timeout: {
    type: value.durationOrNever,
    default: 'never',
    help: 'Its whole session is killed if it has not exited this long after the signal.',
    example: '2h',
  },
  to: {
    type: withAbsent(value.oneOf(stopTargets), 'process'),
    default: 'process',
    help: 'Which processes are asked: the worker, or all of its session, each once; its place is free when the last one has exited.',
  },
  leftovers: {
    type: withAbsent(value.oneOf(leftoverRules), 'report'),
    default: 'report',
    help: 'What happens to the processes that a dead worker leaves in its session: report them (the command ends with 1 if the stop did not reach them), leave them alone, kill them, or wait (start nothing while they live).',
  },
});

const restart = section({
  canary: {
    type: value.zeroOrOne,
    default: 1,
    help: '1: one replacement must be ready before the others are asked to stop.',
  },
  batch: {
    type: value.batch,
    default: '100%',
    help: 'How many instances may be down at once because of a restart.',
    example: '25%',
  },
  patience: {
    type: value.duration,
    default: '30s',
    help: 'How long to wait for the first instance to exit before another one is asked too.',
  },
  overlap: {
    type: value.boolean,
    default: false,
    help: 'Whether the replacement starts while the old process still drains.',
  },
  max_extra: {
    type: value.whole(1, 500),
    default: 1,
    help: 'With overlap: how many old processes of the worker may drain at once.',
  },
  on_failure: {
    type: value.oneOf(failureRules),
    default: 'abort',
    help: 'What follows if a replacement fails: abort, or rollback: until the next restart the worker is started in the directory that it ran in before.',
  },
  finisher: {
    type: value.boolean,
    default: true,
    help: 'Whether a background process continues a restart as soon as its command has ended. If not, the next bootcheck does.',
  },
});

const busy = section({
  title: {
    type: text.regexp,
    without: 'not used',
    help: 'The worker is busy if its process title matches (JavaScript, flag m; no lookaround, no back references). The first group, or else the whole match, says what it is doing.',
    example: 'processing (job \\d+)',
  },
});

const heartbeat = section({
  timeout: {
    type: value.positiveDuration,
    required: true,
    help: 'The worker is killed if it has given no sign of life for this long.',
    example: '30s',
  },
  dump: {
    type: value.signal(quietSignals),
    without: 'none',
    help: 'The signal that makes a silent worker write down what it is doing before it is killed.',
    example: 'QUIT',
  },
  grace: {
    type: value.duration,
    default: '2s',
    help: 'How long a silent worker has between dump and the kill.',
  },
});

const backoff = section({
  initial: {
    type: value.positiveDuration,
    default: '1s',
    help: 'How long an instance stays down after a failure; doubled after each further one in a row, and longer by up to a quarter.',
  },
  max: { type: value.positiveDuration, default: '5m', help: 'How long it stays down at most.' },
  reset: {
    type: value.duration,
    default: '10m',
    help: 'A process that has been running this long ends the row; a ready one that dies abnormally before has failed. 0s: only a death before ready, or within min_run, is a failure.',
  },
  min_run: {
    type: value.duration,
    default: '10s',
    help: 'A process that ends by itself before it has been running this long has failed, even with status 0. 0s: status 0 of a ready process is no failure.',
  },
});

const recycle = section({
  memory: {
    type: value.positiveSizeOrUnlimited,
    default: 'unlimited',
    help: 'How much memory its whole session may use.',
    example: '512MB',
  },
  age: {
    type: value.durationOrNever,
    default: 'never',
    help: 'How long a process may run before it is replaced.',
    example: '24h',
  },
  outdated: {
    type: value.boolean,
    default: false,
    help: 'Whether a process is replaced if a start would now give it another release.',
  },
  min_age: {
    type: value.duration,
    default: '1m',
    help: 'A process that has been running for less than this is not recycled.',
  },
});

const drainLong = section({
  command: {
    type: text.command,
    without: 'none',
    help: 'Run once for a process that has been draining for this long.',
  },
  after: {
    type: value.longDuration,
    default: '30m',
    help: 'How long after it was asked to exit a process counts as draining for long.',
  },
});

const hooks = section({
  lost: {
    type: text.command,
    without: 'none',
    help: 'Run when a job was lost, or may have been lost, with its process.',
  },
  backoff: {
    type: text.command,
    without: 'none',
    help: 'Run when an instance is not started for a while because it keeps failing.',
  },
  unresponsive: {
    type: text.command,
    without: 'none',
    help: 'Run when a worker gives no sign of life and is about to be killed.',
  },
  died: {
    type: text.command,
    without: 'none',
    help: 'Run when a process has died and nothing had asked for that.',
  },
  started: { type: text.command, without: 'none', help: 'Run when a process was started.' },
  aborted: {
    type: text.workerCommand,
    without: 'none',
    help: 'Run once for the worker when a restart was aborted.',
    example: 'bin/page %p',
  },
  finished: {
    type: text.workerCommand,
    without: 'none',
    help: 'Run once for the worker when a restart is over: complete, cancelled, rolled back.',
  },
  rollout: {
    type: text.workerCommand,
    without: 'none',
    help: 'Run once for the worker when a restart is over or was aborted.',
    example: 'bin/notify %p',
  },
  drain_long: { type: drainLong, help: 'When a drain counts as long, and what is run then.' },
  timeout: {
    type: value.positiveDuration,
    default: '30s',
    help: 'A hook that takes longer is killed.',
  },
});

/** The keys that a worker and `defaults` may have. */
const sharedKeys = {
  preset: {
    type: value.nameOf(presetNames, 'the name of a preset'),
    without: 'none',
    help: 'The framework of the worker. Its settings hold for all keys that the worker and defaults leave out; null takes one of them away.',
    example: 'sidekiq',
  },
  count: {
    type: value.whole(0, 500),
    default: 1,
    help: 'How many instances to run. Their identifiers are 1, 2, 3 and so on.',
  },
  identifiers: {
    type: listOf(text.identifier, 'names', { uniqueItems: true }),
    without: '1 to count',
    help: 'The identifiers of the instances, instead of count.',
    example: ['mail', 'images'],
  },
  tags: {
    type: listOf(text.name, 'names', { uniqueItems: true }),
    without: 'none',
    help: 'Names for several workers at once: workerctl restart @slow.',
    example: ['slow'],
  },
  directory: { type: text.folderPath, default: '.', help: 'The working directory.' },
  env: {
    type: recordOf(text.variableName, text.variableValue, 'a map of variables and their values'),
    without: 'none',
    help: 'Environment variables. Numbers stay as they are written.',
    example: { RAILS_ENV: 'production' },
  },
  env_files: {
    type: listOf(text.filePath, 'paths'),
    without: 'none',
    help: 'Files of NAME=value lines, read as sh reads them; env overrides them.',
    example: ['.env'],
  },
  pass_env: {
    type: listOf(text.passedVariable, 'names of variables'),
    without: 'none',
    help: 'Environment variables to take over from the process that starts the worker.',
    example: ['SSH_AUTH_SOCK'],
  },
  pidfile: {
    type: text.filePath,
    without: '%n.pid in state_dir',
    help: 'The file that holds the pid.',
  },
  user: {
    type: text.account('user'),
    without: 'the user who runs workerctl',
    help: 'The user that its processes belong to. Only root can start workers of other users. All files and programs that the config names for it are opened and run as this user.',
    example: 'deploy',
  },
  group: {
    type: text.account('group'),
    without: "the user's own group",
    help: 'The group of its processes, in addition to the groups that the user is a member of.',
    example: 'www-data',
  },
  no_new_privs: {
    type: value.boolean,
    default: false,
    help: 'Whether its processes can get no further rights from programs that are setuid, such as sudo (PR_SET_NO_NEW_PRIVS).',
  },
  daemonizes: {
    type: value.boolean,
    default: false,
    help: 'The command forks a daemon, which writes pidfile itself, and ends when the daemon is up.',
  },
  start: {
    type: start,
    help: 'How many are started at a time, and how a program that daemonizes is started.',
  },
  log: { type: log, help: 'Where the output goes.' },
  umask: { type: value.umask, default: '022', help: 'The file mode creation mask.' },
  nice: {
    type: value.whole(-20, 19),
    default: 0,
    help: 'The scheduling priority, from -20 (highest) to 19 (lowest).',
  },
  oom_score_adj: {
    type: value.whole(-1000, 1000),
    default: 0,
    help: 'How readily the kernel kills it when memory is short, from -1000 (never) to 1000.',
  },
  limits: {
    type: limits,
    help: 'Soft resource limits of each process, see setrlimit(2), and limits of an instance as a whole: memory_max, cpu.',
  },
  ready: {
    type: ready,
    help: 'How a worker shows that it is ready: one of after, log, file, command and notify.',
  },
  stop: { type: stop, help: 'How a worker is asked to finish its job and exit.' },
  restart: { type: restart, help: 'How a restart goes through the instances.' },
  busy: { type: busy, help: 'How workerctl knows that a worker is busy.' },
  heartbeat: {
    type: heartbeat,
    optional: true,
    help: 'When a worker that gives no sign of life is killed. Without it: never.',
  },
  max_count: {
    type: value.whole(1, 10_000),
    default: 500,
    help: 'The most instances that workerctl want may set.',
  },
  max_extension: {
    type: value.duration,
    default: '1h',
    help: 'How far a process may extend ready.timeout, stop.timeout and heartbeat.timeout by sending EXTEND_TIMEOUT_USEC (sd_notify(3)). 0s: not at all.',
  },
  on_exit: {
    type: value.oneOf(exitRules),
    default: 'always',
    help: 'When another process is started after one that has ended by itself: always, on_failure (not after one of success_codes), or never. An instance that is not started again is done.',
  },
  success_codes: {
    type: listOf(value.whole(0, 255), 'exit statuses', { uniqueItems: true }),
    without: '0',
    example: [0, 3],
    help: 'With on_exit: the exit statuses by which a process says that its work is done.',
  },
  backoff: {
    type: backoff,
    help: 'How long an instance that keeps failing stays down before the next attempt.',
  },
  recycle: {
    type: recycle,
    help: 'When a process is replaced between two jobs. Without it: never.',
  },
  lost_grace: {
    type: value.duration,
    default: '10s',
    help: 'If it is not known whether a dead process had a job: how long to wait for the result before the job counts as lost.',
  },
  hooks: { type: hooks, help: 'Commands to run when something has happened.' },
} as const satisfies Keys;

const workerConflicts: readonly Conflict[] = [
  ['count', 'identifiers', 'identifiers already say how many there are'],
];

const defaultsSection = section(sharedKeys, { conflicts: workerConflicts });

export const workerSection = section(
  {
    command: {
      type: text.command,
      required: true,
      help: 'The program to run, in the foreground unless it daemonizes. A string is split into words as a shell would, but no shell runs.',
      example: 'bundle exec rake jobs:work',
    },
    ...sharedKeys,
  },
  { expected: 'a map with a command', conflicts: workerConflicts },
);

export const releaseSection = section(
  {
    command: {
      type: text.sharedCommand,
      without: 'not used',
      help: 'The first line that this command prints. It runs in the directory of the config.',
      example: 'git rev-parse --short HEAD',
    },
    file: {
      type: text.sharedFile,
      without: 'not used',
      help: 'The first line of this file.',
      example: 'current/REVISION',
    },
  },
  { conflicts: [['command', 'file', 'choose one of them']], needsOne: true },
);

const webhook = section({
  url: {
    type: secretPlace,
    required: true,
    help: 'Where the address is kept that messages go to by POST: https, or http on the host itself. With format: sentry the DSN.',
  },
  headers: {
    type: secretPlace,
    optional: true,
    help: 'Where further headers are kept, a `Name: value` line each.',
  },
  format: {
    type: value.oneOf(webhookFormats),
    default: 'json',
    help: 'What the body looks like: json (docs/notify.md), slack (also Mattermost and Rocket.Chat), or sentry.',
  },
});

const notify = section(
  {
    on: {
      type: listOf(value.oneOf(occasions), 'occasions', { uniqueItems: true }),
      without: notifiedByDefault.join(', '),
      help: `What a message is sent for: any of ${occasions.join(', ')}.`,
      example: ['lost', 'aborted'],
    },
    command: {
      type: text.sharedCommand,
      without: 'not used',
      help: 'Run in the directory of the config, with the message as JSON on its standard input.',
      example: 'bin/page on-call',
    },
    webhook: { type: webhook, optional: true, help: 'Gets the message by POST.' },
    timeout: {
      type: value.positiveDuration,
      default: '10s',
      help: 'An attempt that takes longer has failed. What fails is tried again, later and later.',
    },
  },
  {
    conflicts: [['command', 'webhook', 'choose one of them']],
    needsOne: ['command', 'webhook'],
  },
);

/** The keys of the whole file. */
export const configSection = section(
  {
    state_dir: {
      type: text.sharedPath,
      default: '.workerctl',
      help: 'The directory of pidfiles, locks and the journal.',
    },
    log_dir: { type: text.sharedPath, default: 'log', help: 'The directory of the logs.' },
    release: {
      type: releaseSection,
      optional: true,
      help: 'What names the release. Without it: the last part of the path that directory resolves to.',
    },
    notify: {
      type: notify,
      optional: true,
      help: 'Where notifications about all workers go (docs/notify.md). Events of the same moment are sent as one message. Without it: nowhere.',
    },
    defaults: {
      type: defaultsSection,
      help: 'Any key of a worker but command, for all workers. A worker overrides them; maps are merged key by key.',
    },
    workers: {
      type: recordOf(
        text.name,
        workerSection,
        'at least one worker (its name, and below it its command)',
        1,
      ),
      required: true,
      help: 'The workers by name.',
    },
  },
  { expected: 'a map with the key workers', allowed: /^x-/ },
);

/** What a config file says, in the terms of the model. */
export type ConfigFile = Section<typeof configSection.keys>;

export type WorkerKeys = Section<typeof workerSection.keys>;
