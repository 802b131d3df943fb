import { flag, integer, object, oneOf, optional, text } from '../../core/basics/json-form.ts';
import {
  launchProblems,
  type Death,
  type LaunchProblem,
  type ProcessRecord,
} from '../../core/model/record.ts';
import { existsSync, renameSync, statSync } from 'node:fs';
import { type Moment, momentOf } from '../../core/basics/time.ts';
import { type StateFile, readJson } from '../files/json-file.ts';
import { baseOf, exitPath, recordPath } from './paths.ts';

interface ExitReport {
  readonly runId: string;
  readonly status?: number;
  readonly signal?: number;
  readonly core?: boolean;
  readonly oom?: boolean;
  readonly memoryLimit?: number;
  readonly launch?: LaunchProblem;
}

/** As shim.sh writes it. */
const form = object<ExitReport>({
  runId: ['run_id', text],
  status: ['exit_status', optional(integer)],
  signal: ['signal_number', optional(integer)],
  core: ['core_dumped', optional(flag)],
  oom: ['out_of_memory', optional(flag)],
  memoryLimit: ['memory_limit_bytes', optional(integer)],
  launch: ['launch', optional(oneOf(...launchProblems))],
});

export interface ReportedDeath {
  readonly death: Death;
  readonly at: Moment;
  /** The cgroup of the process has counted a kill because memory ran out, while it lived. */
  readonly hasCountedKill?: true;
  /** The limit that memory ran out at, in bytes, if the process had a control group of its own. */
  readonly memoryLimit?: number;
}

/** What the shim reported under this name about the death of the process with this record; undefined: nothing. */
export function readDeath(
  stateDir: string,
  name: string,
  record: ProcessRecord,
): ReportedDeath | undefined {
  const death = reportedDeath(exitPath(stateDir, name), record);
  if (death !== undefined || name === record.instance) return death;
  // It exited just as its files were renamed: its shim reported under the instance's own name.
  return reportedDeath(exitPath(stateDir, record.instance), record);
}

/** What a shim has reported, for any run. */
export const readExit = (stateDir: string, name: string): StateFile<unknown> =>
  readExitFile(exitPath(stateDir, name));
const readExitFile = (path: string) => readJson(path, form, 'an exit report');

function reportedDeath(path: string, record: ProcessRecord): ReportedDeath | undefined {
  const file = readExitFile(path);
  if (file.kind !== 'read' || file.value.runId !== record.runId) return undefined;
  const { status, signal, core, oom, memoryLimit, launch } = file.value;
  const at = momentOf(
    Math.round(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? record.startedAt),
  );
  const counted = {
    ...(oom === true && { hasCountedKill: true as const }),
    ...(memoryLimit !== undefined && { memoryLimit }),
  };
  if (signal !== undefined) return { death: signalled(signal, core), at, ...counted };
  if (launch !== undefined) return { death: { kind: 'unlaunched', found: launch }, at };
  if (status !== undefined) return { death: { kind: 'exited', status }, at };
  return undefined;
}

const signalled = (signal: number, core = false): Death => ({
  kind: 'signalled',
  signal,
  coreDumped: core,
});

/** Moves such a report to the files of the old process, because the instance is about to get another process. */
export function keepDeathOfRetiring(stateDir: string, instance: string): void {
  const path = exitPath(stateDir, instance);
  const file = readExitFile(path);
  if (file.kind !== 'read') return;
  const name = baseOf({ instance, retiring: file.value.runId });
  if (existsSync(recordPath(stateDir, name))) renameSync(path, exitPath(stateDir, name));
}
