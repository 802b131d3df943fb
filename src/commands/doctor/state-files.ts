import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { kindOfFile } from '../../core/basics/file-kind.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { orFine, problem, someOf, warning, type Findings } from '../../core/views/finding.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { linkStatsOf } from '../../host/files/stats-of.ts';
import { desiredFindings } from './desired-files.ts';
import { readDump, readQuiet, readStop } from '../../host/state/notes.ts';
import { readExit } from '../../host/state/exits.ts';
import { readRecord } from '../../host/state/records.ts';
import { baseOf, listStateFiles, recordedProcesses } from '../../host/state/paths.ts';
import type { Examination } from './examination.ts';

/** Files that cannot be understood, and files that were left half written. */
export function stateFileFindings({ config: { stateDir } }: Examination): Findings {
  const about = `files in ${stateDir}`;
  let names: string[];
  try {
    names = existsSync(stateDir) ? readdirSync(stateDir) : [];
  } catch (error) {
    return problem(about, describeErrno(error), [
      'no command can tell which workers are running',
      'run workerctl as the user who owns them',
    ]);
  }
  return orFine(
    [
      desiredFindings(stateDir),
      instanceFindings(stateDir),
      names.map((name) => typeFinding(join(stateDir, name))),
      halfWrittenFinding(about, stateDir, names),
    ],
    about,
    `${names.length}, all valid`,
  );
}

/** A lock or the journal that is no file, or a pidfile that is a directory. Other files have their own checks. */
function typeFinding(path: string): Findings {
  if (!/\.(?:lock|pid)$|\/events\.ndjson(?:\.\d+)?$/.test(path)) return [];
  const stats = linkStatsOf(path);
  if (stats === undefined || stats.isFile()) return [];
  // Any other pidfile is replaced by the next pass.
  if (path.endsWith('.pid') && !stats.isDirectory()) return [];
  const isJournal = path.includes('/events.');
  const found = stats.isSymbolicLink() ? 'a link' : kindOfFile(stats);
  return problem(path, `expected a file, found ${found}`, [
    isJournal ? 'what happens is not written down' : 'commands that need this file fail',
    `mv ${shellWord(path)} ${shellWord(`${path}.moved`)}`,
  ]);
}

/** Files of instances that cannot be understood, and what that means. */
function instanceFindings(stateDir: string): Findings {
  const { notes } = listStateFiles(stateDir);
  const exits = readdirIfThere(stateDir).filter((file) => file.endsWith('.exit'));
  const named = (end: string): string[] =>
    [...notes].filter((file) => file.endsWith(end)).map((file) => file.slice(0, -end.length));
  const all = [
    ...recordedProcesses(stateDir).map(
      (ref) => [readRecord(stateDir, baseOf(ref)), recordCost] as const,
    ),
    ...named('.stop').map((name) => [readStop(stateDir, name), stopCost] as const),
    ...named('.quiet').map((name) => [readQuiet(stateDir, name), noteCost] as const),
    ...named('.dump').map((name) => [readDump(stateDir, name), noteCost] as const),
    ...exits.map((file) => [readExit(stateDir, file.slice(0, -'.exit'.length)), noteCost] as const),
  ];
  return all.map(([file, consequence]) => {
    if (file.kind !== 'broken') return [];
    const [, path = '', words = ''] = /^(.*?): (.*)$/s.exec(file.problem) ?? [];
    return warning(path, words, consequence(shellWord(path)));
  });
}

/** Why a file matters, and what to do about it. */
type Cost = (path: string) => readonly [string, string];

const recordCost: Cost = () => [
  'its process has to be found in /proc, and its exit status will be unknown',
  'run workerctl bootcheck, which rewrites or removes the record',
];
const stopCost: Cost = (path) => [
  'whether the process was asked to exit is not known, and a second signal would make some workers drop their job: it is neither stopped nor restarted',
  `if it does not exit, have the next stop or restart ask it: mv ${path} ${path}.moved`,
];
const noteCost: Cost = (path) => ['it is ignored', `rm ${path}`];

const readdirIfThere = (folder: string): string[] =>
  existsSync(folder) ? readdirSync(folder) : [];

/** Writing a file takes milliseconds; one this old was left. */
const oldMs = 60_000;

/** Files in `.new` that stay: see record-cache.ts, config-cache.ts and reserve.ts. */
const kept = new Set(['records', 'config', 'reserve']);

function halfWrittenFinding(about: string, stateDir: string, names: readonly string[]): Findings {
  const inFolder = readdirIfThere(join(stateDir, '.new'))
    .filter((name) => !kept.has(name))
    .map((name) => join('.new', name));
  const left = [...names.filter((name) => name.endsWith('.new') && name !== '.new'), ...inFolder]
    .filter((name) => isOld(join(stateDir, name)))
    .filter((name) => name !== `doctor.${process.pid}.new`);
  if (left.length === 0) return [];
  return warning(about, `left half written: ${someOf(left)}`, [
    'a command was killed while writing, or the disk was full; these files are never read',
    'nothing: the next pass that acts removes them; remove any that stay',
  ]);
}

function isOld(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > oldMs;
}
