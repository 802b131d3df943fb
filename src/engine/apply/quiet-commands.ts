import type { QuietCommand, QuietMeans, QuietSignal } from '../../core/model/config.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { launchOf } from '../../core/model/launch.ts';
import type { Duration } from '../../core/basics/time.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { readQuietEnd } from '../../host/state/quiet-end.ts';
import { baseOf } from '../../host/state/paths.ts';
import { readRecord } from '../../host/state/records.ts';
import { noteQuietEnd, startQuietCommand } from '../../host/worker/quiet-command.ts';
import { report, workerOf, type Context } from '../session.ts';

/** What a command is to do, for the report of its failure. */
export type Purpose = 'stop' | 'quiet' | 'resume';

/** Starts the command, whose note was written, and reports later if it fails. */
export function runQuietCommand(
  context: Context,
  ref: ProcessRef,
  { command, timeout }: QuietCommand,
  until: Duration,
  purpose: Purpose,
): void {
  const { stateDir } = context.config;
  const record = readRecord(stateDir, baseOf(ref));
  if (record.kind !== 'read') return; // the next look finds that it has not ended in time
  const run = { ...runOf(context, record.value, command), timeout, until };
  const tell = (): void => {
    reportFailure(context, record.value, until, purpose);
  };
  try {
    const child = startQuietCommand(run);
    const ended = new Promise<void>((resolve) => {
      child.once('exit', resolve).once('error', resolve);
    });
    context.quietCommands.note(child, ended.then(tell));
  } catch (error) {
    noteQuietEnd(run, describeErrno(error));
    tell();
  }
}

/** It runs where the process was started. */
function runOf({ config, hostName }: Context, record: ProcessRecord, command: readonly string[]) {
  const { instance, release, directory } = record;
  const { stateDir } = config;
  const worker = workerOf(config, instance);
  const launch = launchOf(worker, instance, stateDir, hostName, release, command);
  return { stateDir, record, launch: { ...launch, ...(directory !== undefined && { directory }) } };
}

const failures = {
  stop: 'not_quieted',
  quiet: 'quiet_failed',
  resume: 'resume_failed',
} as const satisfies Record<Purpose, string>;

function reportFailure(
  context: Context,
  { instance, pid, runId }: ProcessRecord,
  until: Duration,
  purpose: Purpose,
): void {
  const problem = readQuietEnd(context.config.stateDir, instance, runId, until)?.problem;
  if (problem === undefined) return;
  report(context, instance, { kind: failures[purpose], pid, problem });
}

/** How it was asked, for an event. */
export function meansIn(means: QuietMeans | undefined): {
  readonly signal?: QuietSignal;
  readonly program?: string;
} {
  if (means === undefined) return {};
  return typeof means === 'string' ? { signal: means } : { program: means.command[0] ?? '' };
}
