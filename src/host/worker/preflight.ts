import { dirname } from 'node:path';
import { mismatchText } from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { formatSize } from '../../core/basics/bytes.ts';
import { limitNames, type LimitName, type Worker } from '../../core/model/config.ts';
import { workerPath, type Launch } from '../../core/model/launch.ts';
import { createProblem, writeProblem } from '../files/write-problem.ts';
import { logTypeProblem } from '../logs/open-log.ts';
import { limitOf, mayRaiseLimits } from '../process/process-table.ts';
import { programProblem } from '../process/program-problem.ts';
import { buildEnvironment } from './environment.ts';
import type { Place } from './place.ts';
import { setsid } from './shim-call.ts';

/**
 * Why a worker could not be started in this directory, in words; undefined if it could, as far as that can be told without
 * creating a file: by its programs and their interpreters, its env files and its limits.
 * @param ready the command that shows that it is ready, if there is one
 */
export function workerProblem(
  worker: Worker,
  launch: Launch,
  place: Place,
  ready?: readonly string[],
): string | undefined {
  try {
    setsid();
    if (place.isRemoved()) return `directory: ${place.path} was just removed`;
    const environment = buildEnvironment(launch, process.env);
    const search = { directory: place.path, path: environment['PATH'] ?? workerPath };
    const programs = {
      command: launch.command[0],
      'log.command': launch.log?.kind === 'piped' ? launch.log.command[0] : undefined,
      'ready.command': ready?.[0],
    };
    for (const [key, program] of Object.entries(programs)) {
      const problem = program === undefined ? undefined : programProblem(program, search);
      if (problem !== undefined) return `${key}: ${problem}`;
    }
    return limitProblem(worker);
  } catch (error) {
    if (error instanceof WorkerctlError) return error.message; // an env file, or no setsid
    throw error;
  }
}

/** Why its log or pidfile could not be written. */
export function filesProblem({ logFile, pidfile }: Launch): string | undefined {
  const log = logProblem(logFile);
  if (log !== undefined) return `log: ${log}`;
  const pid = createProblem(dirname(pidfile));
  return pid === undefined ? undefined : `pidfile: ${pid}`;
}

function logProblem(path: string): string | undefined {
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
function limitProblem({ limits }: Worker): string | undefined {
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
