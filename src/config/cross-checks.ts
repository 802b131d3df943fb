import { dirname } from 'node:path';
import { expandSpecifiers, instancesOf } from '../core/model/instance.ts';
import { formatDuration } from '../core/basics/time.ts';
import type { Config, Worker } from '../core/model/config.ts';
import type { Mismatch } from '../core/basics/config-problem.ts';
import { formatKeyPath, type KeyPath, type Problem } from './problems.ts';
import type { WorkerFile } from './schema/keys.ts';
import { escapedSpecifiers } from './specifiers.ts';
import { slotAt, type Slot } from './yaml/tree.ts';

/** A host name that no path can hold. */
const anyHost = '\0';

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
      ];
    }),
    ...sharedFiles(config.workers.flatMap(ownFiles), root),
  ]);
}

/** What is wrong with the defaults is wrong with many workers. */
const eachOnce = (problems: readonly Problem[]): Problem[] => [
  ...new Map(
    problems.map((each) => [`${formatKeyPath(each.path)}: ${each.found}: ${each.hint}`, each]),
  ).values(),
];

type KeyOf = readonly [keyof WorkerFile, ...(string | number)[]];

/** How a worker is written. */
interface Written {
  /** Whether the worker itself has this key. */
  readonly has: (...key: KeyOf) => boolean;
  /** Whether the worker or the defaults have it. */
  readonly inherits: (...key: KeyOf) => boolean;
  /** A problem with the first of these keys that the worker has, or else the defaults. */
  readonly problem: (mismatch: Mismatch, ...keys: readonly KeyOf[]) => Problem;
}

function asWritten(name: string, root: Slot): Written {
  const own = ['workers', name];
  const pathsOf = (keys: readonly KeyOf[]): KeyPath[] =>
    [own, ['defaults']].flatMap((section) => keys.map((key) => [...section, ...key]));
  return {
    has: (...key) => slotAt(root, [...own, ...key]) !== undefined,
    inherits: (...key) => pathsOf([key]).some((path) => slotAt(root, path) !== undefined),
    problem: (mismatch, ...keys) => {
      for (const path of pathsOf(keys)) {
        const slot = slotAt(root, path);
        if (slot !== undefined) return { path, offset: slot.offset, ...mismatch };
      }
      return { path: own, offset: slotAt(root, own)?.keyOffset ?? 0, ...mismatch };
    },
  };
}

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
    const found = `${path.slice(folder.length + 1)} in the state directory`;
    return [
      written.problem({ expected: `a name that ends in ${end}`, found, hint: namesTaken }, key),
    ];
  };
  return [
    ...check(worker.pidfile, '.pid', 'pidfile'),
    ...check(worker.logFile, '.log', 'log', 'file'),
  ];
}

const namesTaken = 'other names in that folder belong to workerctl';

/** Keys that are right by themselves, but not together, or not with what the worker has from the defaults. */
interface Rule {
  readonly isBroken: (worker: Worker, written: Written) => boolean;
  readonly keys: readonly KeyOf[];
  readonly wrong: Mismatch | ((worker: Worker) => Mismatch);
}

const rules: readonly Rule[] = [
  {
    isBroken: ({ log, ready }) => log?.kind === 'piped' && ready.kind === 'log',
    keys: [['log', 'command']],
    wrong: {
      found: 'log.command with ready.log',
      hint: 'the lines go to the logger, so they cannot be matched',
    },
  },
  {
    isBroken: ({ log }, { has }) => log === undefined && has('log', 'keep'),
    keys: [['log', 'keep']],
    wrong: { found: 'keep without max_size', hint: 'without it, the log is never rotated' },
  },
  {
    isBroken: ({ ready }, { has }) => ready.kind === 'after' && has('ready', 'timeout'),
    keys: [['ready', 'timeout']],
    wrong: {
      found: 'timeout without log, file, command or notify',
      hint: 'a worker that is ready after a time needs none',
    },
  },
  {
    isBroken: ({ stop }) => stop.resume !== undefined && stop.quiet === undefined,
    keys: [['stop', 'resume']],
    wrong: { found: 'resume without quiet', hint: 'resume ends what quiet began: set both' },
  },
  {
    isBroken: ({ ready, restart }) => ready.kind === 'log' && restart.overlap,
    keys: [['restart', 'overlap']],
    wrong: {
      found: 'overlap with ready.log',
      hint: 'the old process writes to the same log, and its lines would make the new one ready',
    },
  },
  {
    isBroken: ({ backoff }) => backoff.max < backoff.initial,
    keys: [
      ['backoff', 'max'],
      ['backoff', 'initial'],
    ],
    wrong: ({ backoff: { max, initial } }) => ({
      expected: 'max to be at least initial',
      found: `max ${formatDuration(max)} and initial ${formatDuration(initial)}`,
    }),
  },
  {
    isBroken: ({ daemonizes }, { has }) => daemonizes === undefined && has('start', 'timeout'),
    keys: [['start', 'timeout']],
    wrong: {
      found: 'start.timeout without daemonizes',
      hint: 'to wait for a worker to be ready, set ready.timeout',
    },
  },
  {
    isBroken: ({ daemonizes }, { inherits }) => daemonizes !== undefined && !inherits('pidfile'),
    keys: [['daemonizes']],
    wrong: {
      found: 'daemonizes without pidfile',
      hint: 'name the file that the program writes its pid to',
    },
  },
  {
    isBroken: ({ daemonizes, restart }) => daemonizes !== undefined && restart.overlap,
    keys: [['restart', 'overlap']],
    wrong: {
      found: 'overlap with daemonizes',
      hint: 'the old and the new process would share one pidfile',
    },
  },
  {
    isBroken: ({ daemonizes, ready }) => daemonizes !== undefined && ready.kind === 'notify',
    keys: [['ready', 'notify']],
    wrong: {
      found: 'ready.notify with daemonizes',
      hint: 'a daemon leaves the session by which its messages are recognised',
    },
  },
];

const brokenRules = (worker: Worker, written: Written): Problem[] =>
  rules
    .filter(({ isBroken }) => isBroken(worker, written))
    .map(({ keys, wrong }) =>
      written.problem(typeof wrong === 'function' ? wrong(worker) : wrong, ...keys),
    );

/** A file that each instance must have for itself, and where the config names it. */
interface OwnFile {
  readonly worker: Worker;
  /** What it is; files of different kinds do not collide. */
  readonly kind: 'pidfile' | 'ready_file' | 'ready_log' | 'rotated_log';
  /** Holds specifiers. */
  readonly path: string;
  readonly key: KeyOf;
}

function ownFiles(worker: Worker): OwnFile[] {
  const { ready, log, logFile, pidfile } = worker;
  const logKey: KeyOf = ['log', 'file'];
  const files: OwnFile[] = [{ worker, kind: 'pidfile', path: pidfile, key: ['pidfile'] }];
  if (ready.kind === 'file')
    files.push({ worker, kind: 'ready_file', path: ready.path, key: ['ready', 'file'] });
  if (ready.kind === 'log') files.push({ worker, kind: 'ready_log', path: logFile, key: logKey });
  if (log?.kind === 'rotated')
    files.push({ worker, kind: 'rotated_log', path: logFile, key: logKey });
  return files;
}

/** Why a file of this kind cannot be shared. */
const harmOf: Readonly<Record<OwnFile['kind'], string>> = {
  pidfile: 'each needs its own',
  // Another instance that writes it would make this one count as ready.
  ready_file: 'each needs its own',
  ready_log: 'ready.log would match the lines of both',
  // Two rotations of one log would disagree about when, and how much of it, to keep.
  rotated_log: 'log.max_size needs one log per instance',
};

/** At most one problem per worker and kind: the others have the same cause. */
function sharedFiles(files: readonly OwnFile[], root: Slot): Problem[] {
  // A name that holds the instance's whole name is not shared: most configs end here.
  const texts = new Set(files.map(({ kind, path }) => `${kind} ${path}`));
  const kinds = new Set(files.map(({ kind }) => kind));
  if (
    texts.size === kinds.size &&
    [...texts].every((text) => /^(?:[^%]|%%)*%n(?:[^%]|%%)*$/.test(text))
  )
    return [];
  const owners = new Map<string, string>();
  return files.flatMap(({ worker, kind, path: text, key }) => {
    const shared = instancesOf(worker).flatMap((instance) => {
      const path = expandSpecifiers(text, instance, anyHost);
      const owner = owners.get(`${kind} ${path}`);
      if (owner === undefined) owners.set(`${kind} ${path}`, instance.name);
      return owner === undefined || owner === instance.name
        ? []
        : [{ path, owner, name: instance.name }];
    });
    return shared.slice(0, 1).map(({ path, owner, name }) => {
      const found = `${path.replace(anyHost, '%H')} for both ${owner} and ${name}`;
      return asWritten(worker.name, root).problem(
        {
          expected: 'a file for each instance',
          found,
          hint: `${harmOf[kind]}: put %n into the name`,
        },
        key,
      );
    });
  });
}
