import * as z from 'zod/mini';
import { launchProblems, type Death, type ProcessRecord } from '../../core/model/record.ts';
import { once } from '../files/once.ts';
import { statSync, existsSync, renameSync } from 'node:fs';
import { type Moment, momentOf } from '../../core/basics/time.ts';
import { type StateFile, readJson } from '../files/json-file.ts';
import { baseOf, exitPath, recordPath } from './paths.ts';

export const exitSchema = once(() =>
  z.object({
    run_id: z.string(),
    status: z.optional(z.int()),
    signal: z.optional(z.int()),
    core: z.optional(z.boolean()),
    oom: z.optional(z.boolean()),
    launch: z.optional(z.enum(launchProblems)),
  }),
);

/** A death as its shim has reported it. */
export interface ReportedDeath {
  readonly death: Death;
  readonly at: Moment;
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
const readExitFile = (path: string) => readJson(path, exitSchema, 'an exit report');

function reportedDeath(path: string, record: ProcessRecord): ReportedDeath | undefined {
  const file = readExitFile(path);
  if (file.kind !== 'read' || file.value.run_id !== record.runId) return undefined;
  const { status, signal, core, oom, launch } = file.value;
  const at = momentOf(
    Math.round(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? record.startedAt),
  );
  if (signal !== undefined)
    return { death: signalled(signal, core, oom === true ? 'likely' : undefined), at };
  if (launch !== undefined) return { death: { kind: 'unlaunched', found: launch }, at };
  if (status !== undefined) return { death: { kind: 'exited', status }, at };
  return undefined;
}

/** A death by signal as the shim, or the desired state, has it. */
export const signalled = (
  signal: number,
  core = false,
  outOfMemory?: 'certain' | 'likely',
): Death => ({
  kind: 'signalled',
  signal,
  coreDumped: core,
  ...(outOfMemory && { outOfMemory }),
});

/** Moves such a report to the files of the old process, because the instance is about to get another process. */
export function keepDeathOfRetiring(stateDir: string, instance: string): void {
  const path = exitPath(stateDir, instance);
  const file = readJson(path, exitSchema, 'an exit report');
  if (file.kind !== 'read') return;
  const name = baseOf({ instance, retiring: file.value.run_id });
  if (existsSync(recordPath(stateDir, name))) renameSync(path, exitPath(stateDir, name));
}
