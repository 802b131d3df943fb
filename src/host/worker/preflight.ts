import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { mismatchText } from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { formatSize } from '../../core/basics/bytes.ts';
import { limitNames, type LimitName, type Worker } from '../../core/model/config.ts';
import { workerPath, type Launch, logFilesIn } from '../../core/model/launch.ts';
import { assertAccess } from '../files/access.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { createProblem, writeProblem } from '../files/write-problem.ts';
import { logTypeProblem, namesStream } from '../logs/open-log.ts';
import { limitOf, mayRaiseLimits } from '../process/process-table.ts';
import { asUserOf, assertUsable, ownerOf } from '../process/as-user.ts';
import { programProblem, type SearchPlace } from '../process/program-problem.ts';
import { buildEnvironment } from './environment.ts';
import type { Place } from './place.ts';
import { setsid } from './shim-call.ts';

/** The commands that a worker needs besides its own, as far as it has them. */
export interface HelperCommands {
  /** Shows that it is ready. */
  readonly ready?: readonly string[] | undefined;
  /** Makes it quiet. */
  readonly quiet?: readonly string[] | undefined;
}

/**
 * Why a worker could not be started in this directory, in words; undefined if it could, as far as that can be told without
 * creating a file: by its programs and their interpreters, its env files and its limits.
 */
export function workerProblem(
  worker: Worker,
  launch: Launch,
  place: Place,
  { ready, quiet }: HelperCommands = {},
): string | undefined {
  try {
    setsid();
    assertUsable(launch);
    if (place.isRemoved()) return `directory: ${place.path} was just removed`;
    const environment = buildEnvironment(launch, process.env);
    const search = { directory: place.path, path: environment['PATH'] ?? workerPath };
    const programs = {
      command: launch.command[0],
      'log.command': launch.log?.kind === 'piped' ? launch.log.command[0] : undefined,
      'ready.command': ready?.[0],
      'stop.quiet': quiet?.[0],
    };
    const problem = asUserOf(launch, () => missingProgram(programs, search));
    return problem ?? limitProblem(worker);
  } catch (error) {
    if (error instanceof WorkerctlError) return error.message; // an env file, or no setsid
    throw error;
  }
}

function missingProgram(
  programs: Readonly<Record<string, string | undefined>>,
  place: SearchPlace,
): string | undefined {
  for (const [key, program] of Object.entries(programs)) {
    const problem = program === undefined ? undefined : programProblem(program, place);
    if (problem !== undefined) return `${key}: ${problem}`;
  }
  return undefined;
}

/** Why its log or pidfile could not be written, by its user or, in the state directory, by us. */
export function filesProblem(launch: Launch, stateDir: string): string | undefined {
  const folder = dirname(launch.pidfile);
  const isOurs = folder === stateDir && launch.daemonizes === undefined;
  return (
    asUserOf(launch, () => {
      for (const file of logFilesIn(launch)) {
        const log = logProblem(file);
        if (log !== undefined) return `${file === launch.logFile ? 'log' : 'log.error'}: ${log}`;
      }
      return isOurs ? undefined : pidfileProblem(folder);
    }) ?? (isOurs ? pidfileProblem(folder) : undefined)
  );
}

/** What the user of a worker cannot use of what exists, by key. None for a worker without a user of its own. */
export function reachProblems(
  launch: Launch,
  stateDir: string,
): readonly { readonly key: string; readonly words: string }[] {
  if (ownerOf(launch) === undefined) return [];
  const { directory, envFiles, daemonizes } = launch;
  const unreadable = asUserOf(launch, () => [
    ...[directory].flatMap((path) => accessProblems('directory', path, X_OK)),
    ...envFiles.flatMap((path) => accessProblems('env_files', path, R_OK)),
  ]);
  const files = filesProblem(launch, stateDir);
  const [, key = '', words = ''] = /^(log|log\.error|pidfile): (.*)$/s.exec(files ?? '') ?? [];
  if (key === '') return unreadable;
  const hint = key === 'pidfile' && daemonizes ? '; the daemon itself writes it' : '';
  return [...unreadable, { key: key === 'log' ? 'log.file' : key, words: `${words}${hint}` }];
}

const { R_OK, X_OK } = constants;

function accessProblems(key: string, path: string, mode: number): { key: string; words: string }[] {
  try {
    assertAccess(path, mode);
    return [];
  } catch (error) {
    return errnoOf(error) === 'EACCES' ? [{ key, words: `${path}: ${describeErrno(error)}` }] : [];
  }
}

function pidfileProblem(folder: string): string | undefined {
  const problem = createProblem(folder);
  return problem === undefined ? undefined : `pidfile: ${problem}`;
}

function logProblem(path: string): string | undefined {
  if (namesStream(path)) return undefined;
  const problem = logTypeProblem(path);
  return problem === undefined ? writeProblem(path) : `${path}: ${mismatchText(problem)}`;
}

/** The names that the kernel has for the limits, and how a number of each is written. Source: proc_pid_limits(5). */
const kernelLimits: Readonly<
  Record<LimitName, readonly [Parameters<typeof limitOf>[0], (value: number) => string]>
> = {
  nofile: ['Max open files', String],
  nproc: ['Max processes', String],
  core: ['Max core file size', formatSize],
  as: ['Max address space', formatSize],
};

/** It would run with less than the config says. */
export function limitProblem({ limits }: Worker): string | undefined {
  for (const name of limitNames) {
    const wanted = limits[name];
    if (wanted === undefined) continue;
    const [kernelName, format] = kernelLimits[name];
    const { hard } = limitOf(kernelName);
    if ((wanted === 'unlimited' ? Infinity : wanted) <= hard || mayRaiseLimits()) continue;
    const found = wanted === 'unlimited' ? wanted : format(wanted);
    return `limits.${name}: ${found} is above the hard limit of ${format(hard)}: raise that (limits.conf, systemd), or lower the key`;
  }
  return undefined;
}
