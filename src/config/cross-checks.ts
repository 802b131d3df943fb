import { basename, dirname } from 'node:path';
import { formatSize } from '../core/basics/bytes.ts';
import { formatDuration } from '../core/basics/time.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { presetOf } from '../core/presets/table.ts';
import { formatKeyPath, type Problem } from './problems.ts';
import { escapedSpecifiers } from './specifiers.ts';
import { sharedFiles } from './shared-files.ts';
import { asWritten, type KeyOf, type Written } from './written.ts';
import type { Slot } from './yaml/tree.ts';

/** What only the whole shows: instances that share an identifier or a file, keys that contradict the defaults. */
export function crossCheck(config: Config, root: Slot): Problem[] {
  const folder = escapedSpecifiers(config.stateDir);
  return eachOnce([
    ...config.workers.flatMap((worker) => {
      const written = asWritten(worker.name, root);
      return [
        ...repeatedIdentifiers(worker, written),
        ...takenNames(worker, folder, written),
        ...brokenRules(worker, written),
        ...reversedBackoff(worker, written),
        ...countAboveMost(worker, written),
        ...refusedSession(worker, written),
        ...uselessRecycling(worker, written),
      ];
    }),
    ...sharedFiles(config, root),
  ]);
}

/** What is wrong with the defaults is wrong with many workers. */
const eachOnce = (problems: readonly Problem[]): Problem[] => [
  ...new Map(
    problems.map((each) => [`${formatKeyPath(each.path)}: ${each.found}: ${each.hint}`, each]),
  ).values(),
];

function repeatedIdentifiers({ isCounted, identifiers }: Worker, written: Written): Problem[] {
  if (isCounted) return [];
  const seen = new Set<string>();
  return identifiers.flatMap((identifier, index) => {
    const isNew = !seen.has(identifier);
    seen.add(identifier);
    const problem = {
      found: `"${identifier}" a second time`,
      hint: 'identifiers tell instances apart',
    };
    return isNew ? [] : [written.problem(problem, ['identifiers', index])];
  });
}

/** Locks, records and the journal are in the state directory: no pidfile or log may take their names. */
function takenNames(worker: Worker, folder: string, written: Written): Problem[] {
  const check = (path: string, end: string, ...key: KeyOf): Problem[] => {
    if (dirname(path) !== folder || path.endsWith(end)) return [];
    const problem = {
      expected: `a name that ends in ${end}`,
      found: `${basename(path)} in the state directory`,
      hint: 'other names in that directory belong to workerctl',
    };
    return [written.problem(problem, key)];
  };
  return [
    ...check(worker.pidfile, '.pid', 'pidfile'),
    ...check(worker.logFile, '.log', 'log', 'file'),
    ...(worker.errorFile === undefined ? [] : check(worker.errorFile, '.log', 'log', 'error')),
  ];
}

/** Keys that are right by themselves, but not together, or not with what the worker has from the defaults. */
interface Rule {
  readonly key: KeyOf;
  readonly isBroken: (worker: Worker, written: Written) => boolean;
  readonly found: string;
  readonly hint: string;
}

const rules: readonly Rule[] = [
  {
    key: ['group'],
    isBroken: ({ runAs }, { inherits }) => runAs === undefined && inherits('group'),
    found: 'group without user',
    hint: 'name the user of the processes, too',
  },
  {
    key: ['log', 'command'],
    isBroken: ({ log, ready }) => log?.kind === 'piped' && ready.kind === 'log',
    found: 'log.command with ready.log',
    hint: 'the lines go to the logger, so they cannot be matched',
  },
  {
    key: ['log', 'error'],
    isBroken: ({ logFile, errorFile }) => errorFile === logFile,
    found: 'the same file as log.file',
    hint: 'leave it out: both outputs go to log.file then',
  },
  {
    key: ['log', 'keep'],
    isBroken: ({ log }, { has }) => log === undefined && has('log', 'keep'),
    found: 'keep without max_size',
    hint: 'without it, the log is never rotated',
  },
  {
    key: ['ready', 'timeout'],
    isBroken: ({ ready }, { has }) => ready.kind === 'after' && has('ready', 'timeout'),
    found: 'timeout without log, file, command or notify',
    hint: 'a worker that is ready after a time needs none',
  },
  {
    key: ['stop', 'resume'],
    isBroken: ({ stop }) => stop.resume !== undefined && stop.quiet === undefined,
    found: 'resume without quiet',
    hint: 'resume ends what quiet began: set both',
  },
  {
    key: ['stop', 'leftovers'],
    isBroken: (worker) =>
      worker.stop.to === 'session' &&
      worker.stop.leftovers !== undefined &&
      presetOf(worker)?.refusesSession === undefined,
    found: 'leftovers with to: session',
    hint: 'all of the session is asked and waited for, so nothing is left',
  },
  {
    key: ['restart', 'overlap'],
    isBroken: ({ ready, restart }) => ready.kind === 'log' && restart.overlap,
    found: 'overlap with ready.log',
    hint: 'the old process writes to the same log, and its lines would make the new one ready',
  },
  {
    key: ['start', 'timeout'],
    isBroken: ({ daemonizes }, { has }) => daemonizes === undefined && has('start', 'timeout'),
    found: 'start.timeout without daemonizes',
    hint: 'to wait for a worker to be ready, set ready.timeout',
  },
  {
    key: ['success_codes'],
    isBroken: ({ onExit, successCodes }) => onExit === 'always' && successCodes.join() !== '0',
    found: 'success_codes without on_exit',
    hint: 'another process is started after any exit: set on_exit to on_failure or never',
  },
  {
    key: ['on_exit'],
    isBroken: ({ daemonizes, onExit }) => daemonizes !== undefined && onExit !== 'always',
    found: 'on_exit with daemonizes',
    hint: 'the exit status of a daemon is not known',
  },
  {
    key: ['daemonizes'],
    isBroken: ({ daemonizes }, { inherits }) => daemonizes !== undefined && !inherits('pidfile'),
    found: 'daemonizes without pidfile',
    hint: 'name the file that the program writes its pid to',
  },
  {
    key: ['restart', 'overlap'],
    isBroken: ({ daemonizes, restart }) => daemonizes !== undefined && restart.overlap,
    found: 'overlap with daemonizes',
    hint: 'the old and the new process would share one pidfile',
  },
  {
    key: ['ready', 'notify'],
    isBroken: ({ daemonizes, ready }) => daemonizes !== undefined && ready.kind === 'notify',
    found: 'ready.notify with daemonizes',
    hint: 'a daemon leaves the session by which its messages are recognised',
  },
];

const brokenRules = (worker: Worker, written: Written): Problem[] =>
  rules
    .filter(({ isBroken }) => isBroken(worker, written))
    .map(({ key, found, hint }) => written.problem({ found, hint }, key));

function reversedBackoff({ backoff: { max, initial } }: Worker, written: Written): Problem[] {
  if (max >= initial) return [];
  const problem = {
    expected: 'max to be at least initial',
    found: `max ${formatDuration(max)} and initial ${formatDuration(initial)}`,
  };
  return [written.problem(problem, ['backoff', 'max'], ['backoff', 'initial'])];
}

function countAboveMost({ isCounted, configured, maxCount }: Worker, written: Written): Problem[] {
  if (!isCounted || configured.length <= maxCount) return [];
  const problem = {
    expected: 'max_count to be at least count',
    found: `max_count ${maxCount} and count ${configured.length}`,
  };
  return [written.problem(problem, ['max_count'], ['count'])];
}

function refusedSession(worker: Worker, written: Written): Problem[] {
  const hint = presetOf(worker)?.refusesSession;
  if (hint === undefined || worker.stop.to !== 'session') return [];
  const found = `session with preset ${worker.preset}`;
  return [written.problem({ expected: 'process', found, hint }, ['stop', 'to'])];
}

function uselessRecycling({ recycle, cgroup }: Worker, written: Written): Problem[] {
  const { memory = 0 } = recycle ?? {};
  const { memoryMax = Infinity } = cgroup ?? {};
  if (memory < memoryMax) return [];
  const problem = {
    expected: `less than limits.memory_max, ${formatSize(memoryMax)}`,
    found: formatSize(memory),
    hint: 'the kernel would kill it in the middle of a job before it is recycled between two',
  };
  return [written.problem(problem, ['recycle', 'memory'], ['limits', 'memory_max'])];
}
