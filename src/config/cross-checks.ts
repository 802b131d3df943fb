import { dirname } from 'node:path';
import { expandSpecifiers, instancesOf } from '../core/model/instance.ts';
import { formatDuration } from '../core/basics/time.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { formatKeyPath, valueAt, type Problem } from './problems.ts';
import { timeoutGoesWith } from './schema/keys.ts';
import type { ConfigFile, SharedSection } from './schema/keys.ts';
import { escapedSpecifiers } from './specifiers.ts';
import { named, namePattern } from './schema/values.ts';

/** A host name that no path can hold. */
const anyHost = '\0';

/** What shows only in the whole: instances that share an identifier or a file, keys that contradict the defaults. */
export function clashesOf(config: Config, file: ConfigFile): Problem[] {
  const folder = escapedSpecifiers(config.stateDir);
  return eachOnce([
    ...config.workers.flatMap((worker) => badIdentifiers(worker, file)),
    ...config.workers.flatMap((worker) => stateFileTaken(worker, folder, file)),
    ...config.workers.flatMap((worker) => contradictions(worker, file)),
    ...config.workers.flatMap((worker) => daemonClashes(worker, file)),
    ...sharedFiles(pidfilesOf(config.workers), file),
    ...sharedFiles(readyFilesOf(config.workers), file),
    ...sharedFiles(readyLogsOf(config.workers), file),
    ...sharedFiles(rotatedLogsOf(config.workers), file),
  ]);
}

/** What is wrong with the defaults is wrong with many workers. */
const eachOnce = (problems: readonly Problem[]): Problem[] => [
  ...new Map(
    problems.map((problem) => [`${formatKeyPath(problem.path)}: ${problem.message}`, problem]),
  ).values(),
];

function badIdentifiers(worker: Worker, file: ConfigFile): Problem[] {
  if (worker.isCounted) return [];
  const seen = new Set<string>();
  return worker.identifiers.flatMap((identifier, index) => {
    const isNew = !seen.has(identifier);
    seen.add(identifier);
    // A number may be a whole one and still be written with a dot or a sign.
    const isName = namePattern.test(identifier);
    if (isNew && isName) return [];
    const { path } = placeOf(worker, file, ['identifiers']);
    const message = isName
      ? `"${identifier}" is there twice; identifiers tell instances apart`
      : `expected ${named}, found ${identifier}`;
    return [{ path: [...path, index], at: 'value', message }];
  });
}

/** Locks, records and the journal lie in the state directory: no pidfile or log may take their names. */
function stateFileTaken(worker: Worker, folder: string, file: ConfigFile): Problem[] {
  const takes = (path: string, end: string) => dirname(path) === folder && !path.endsWith(end);
  const problem = (key: 'pidfile' | 'log', end: string): Problem => ({
    ...placeOf(worker, file, [key]),
    message: `expected a name that ends in ${end}, since it is in the state directory`,
  });
  return [
    ...(takes(worker.pidfile, '.pid') ? [problem('pidfile', '.pid')] : []),
    ...(takes(worker.logFile, '.log') ? [problem('log', '.log')] : []),
  ];
}

/** Keys that are right by themselves, but not with what the worker has from the defaults. */
function contradictions(worker: Worker, file: ConfigFile): Problem[] {
  const { name, ready, stop, backoff } = worker;
  const ownTimeout = file.workers[name]?.ready?.timeout;
  const { initial, max } = backoff;
  const isPiped = worker.log?.kind === 'piped';
  return [
    ...(isPiped && ready.kind === 'log'
      ? [{ ...placeOf(worker, file, ['log', 'command']), message: pipeHidesLog }]
      : []),
    ...(worker.log === undefined && file.workers[name]?.log?.keep !== undefined
      ? [{ ...placeOf(worker, file, ['log', 'keep']), message: keepNeedsSize }]
      : []),
    ...(ready.kind === 'after' && ownTimeout !== undefined
      ? [{ ...placeOf(worker, file, ['ready', 'timeout']), message: afterHasNoTimeout }]
      : []),
    ...(stop.resume !== undefined && stop.quiet === undefined
      ? [{ ...placeOf(worker, file, ['stop', 'resume']), message: resumeNeedsQuiet }]
      : []),
    ...(ready.kind === 'log' && worker.restart.overlap
      ? [{ ...placeOf(worker, file, ['restart', 'overlap']), message: overlapHidesLog }]
      : []),
    ...(max < initial
      ? [
          {
            ...placeOf(worker, file, ['backoff', 'max'], ['backoff', 'initial']),
            message: `expected max to be at least initial, found max ${formatDuration(max)} and initial ${formatDuration(initial)}`,
          },
        ]
      : []),
  ];
}

/** What cannot be with a program that forks away, or without one. */
function daemonClashes({ name, daemonizes, ready, restart }: Worker, file: ConfigFile): Problem[] {
  const own = file.workers[name];
  const at = (message: string, ...keys: readonly Keys[]): Problem[] => [
    { ...placeOf({ name }, file, ...keys), message },
  ];
  if (daemonizes === undefined)
    return own?.start?.timeout === undefined
      ? []
      : at('start.timeout goes with daemonizes', ['start', 'timeout']);
  return [
    ...((own?.pidfile ?? file.defaults?.pidfile) === undefined
      ? at(needsPidfile, ['daemonizes'])
      : []),
    ...(restart.overlap ? at(overlapsPidfile, ['restart', 'overlap']) : []),
    ...(ready.kind === 'notify' ? at(notHeard, ['ready', 'notify']) : []),
  ];
}

const needsPidfile =
  'found daemonizes without pidfile: the file that the program itself writes its pid to';
const overlapsPidfile =
  'found overlap with daemonizes: the old and the new process would own one and the same pidfile';
const notHeard =
  'found ready.notify with daemonizes: a program that forks away leaves the session by which its messages are known';

const afterHasNoTimeout = `${timeoutGoesWith}, but this worker is ready after a time`;
const overlapHidesLog =
  'found overlap with ready.log: the old process writes to the same log, and its lines would make the new one ready';
const pipeHidesLog =
  'found log.command with ready.log: the lines go to the logger, and nobody could match them';
const keepNeedsSize = 'found keep without max_size: without that, nothing is rotated';
const resumeNeedsQuiet = 'found resume without quiet, which it takes back';

/** A file that each instance must have for itself, and where the config names it. */
interface OwnFile {
  readonly worker: Worker;
  /** Holds specifiers. */
  readonly path: string;
  readonly keys: Keys;
  /** What comes of it when it is shared, if that is not plain. */
  readonly harm?: string;
}

const pidfilesOf = (workers: readonly Worker[]): OwnFile[] =>
  workers.map((worker) => ({ worker, path: worker.pidfile, keys: ['pidfile'] }));

/** One that another instance writes too would show that this one is ready when it is not. */
const readyFilesOf = (workers: readonly Worker[]): OwnFile[] =>
  workers.flatMap((worker) =>
    worker.ready.kind === 'file'
      ? [{ worker, path: worker.ready.path, keys: ['ready', 'file'] as const }]
      : [],
  );

/** Lines do not tell who wrote them. */
const readyLogsOf = (workers: readonly Worker[]): OwnFile[] =>
  workers.flatMap((worker) =>
    worker.ready.kind === 'log'
      ? [{ worker, path: worker.logFile, keys: ['log', 'file'] as const, harm: mixedLines }]
      : [],
  );

/** Two of them would not agree when, and how much of it, to keep. */
const rotatedLogsOf = (workers: readonly Worker[]): OwnFile[] =>
  workers.flatMap((worker) =>
    worker.log?.kind === 'rotated'
      ? [{ worker, path: worker.logFile, keys: ['log', 'file'] as const, harm: rotatedTwice }]
      : [],
  );
const rotatedTwice = ', and log.max_size needs a log of its own for each instance';
const mixedLines = ', and ready.log would match the lines of both';

/** At most one problem a worker: the others have the same cause. */
function sharedFiles(files: readonly OwnFile[], file: ConfigFile): Problem[] {
  // Who has the instance's whole name in one and the same text shares with nobody: most configs end here.
  const texts = new Set(files.map(({ path }) => path));
  if (texts.size === 1 && [...texts].every((text) => /^(?:[^%]|%%)*%n(?:[^%]|%%)*$/.test(text)))
    return [];
  const owners = new Map<string, string>();
  return files.flatMap(({ worker, path: text, keys, harm = '' }) => {
    const shared = instancesOf(worker).flatMap((instance) => {
      const path = expandSpecifiers(text, instance, anyHost);
      const owner = owners.get(path);
      if (owner === undefined) owners.set(path, instance.name);
      return owner === undefined || owner === instance.name
        ? []
        : [{ path, owner, name: instance.name }];
    });
    return shared.slice(0, 1).map(({ path, owner, name }) => ({
      ...placeOf(worker, file, keys),
      message: `${owner} and ${name} would share ${path.replace(anyHost, '%H')}${harm}; put %n into the name`,
    }));
  });
}

type Keys = readonly [keyof SharedSection, ...string[]];

/** Where a worker got the first of these that is there from: itself, the defaults, or neither. */
function placeOf(
  { name }: Pick<Worker, 'name'>,
  file: ConfigFile,
  ...either: readonly Keys[]
): Pick<Problem, 'path' | 'at'> {
  const path = [['workers', name], ['defaults']]
    .flatMap((section) => either.map((keys) => [...section, ...keys]))
    .find((each) => valueAt(file, each) !== undefined);
  return path === undefined ? { path: ['workers', name], at: 'key' } : { path, at: 'value' };
}
