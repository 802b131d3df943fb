import type { PlanOutcome } from '../engine/command.ts';
import { journaled, type Context } from '../engine/session.ts';
import { keepRecordsAfter } from '../engine/observe/keep-records.ts';
import { createReleaseReader } from '../engine/observe/release-reader.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodeOfSignal, exitCodes } from '../core/basics/exit-codes.ts';
import { exitCodeFor, type ActOutcome } from '../core/events/outcome.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { openJournal } from '../host/journal/write.ts';
import { createAttending } from '../host/state/attended.ts';
import { createReadinessProbe } from '../host/worker/readiness-probe.ts';
import { configToActOn, configToPlan, desiredFor } from './config.ts';
import type { GlobalOptions } from './command.ts';
import { contextFor } from './context.ts';
import { interruption } from './interruption.ts';
import { printError } from './print.ts';
import { openScreen, type Screen } from './screen.ts';

/** `wait`: missing for a command that never waits for workers. */
interface ActingOptions {
  readonly dryRun: boolean;
  readonly wait?: unknown;
}

export type Act<Options> = (
  context: Context,
  options: Options,
) => Promise<ActOutcome | PlanOutcome>;

/** Runs a command that acts on instances. Its events are printed as they happen, its outcome at the end. */
export async function runActing<Options extends ActingOptions>(
  command: ActOutcome['command'],
  act: Act<Options>,
  options: Options,
  global: GlobalOptions,
): Promise<number> {
  const interrupt = interruption();
  const screen = await openScreen(global);
  const probe = createReadinessProbe();
  const cleanUp = (): void => {
    screen.end();
    probe.dispose();
  };
  process.once('exit', cleanUp);
  try {
    const file = await (options.dryRun ? configToPlan : configToActOn)(global);
    const config = withCounts(file, desiredFor(file));
    const context = contextFor(config, {
      command,
      startsOutside: { hasWatchFailed: false },
      signal: interrupt.signal,
      probe,
      releases: createReleaseReader(config, (problem) => {
        printError(`workerctl: the release is unknown: ${problem}\n`);
      }),
      report: screen.report,
      progress: screen.progress,
    });
    const outcome = await actWith(act, context, options);
    await context.hooks.settled();
    if (command !== 'bootcheck' && !options.dryRun) await forgetOperations(config.stateDir);
    const code = printOutcome(outcome, screen, interrupt.received());
    if (outcome.kind === 'acted' && isWaiting(options))
      await keepRecordsAfter(outcome.events, config);
    return code;
  } catch (error) {
    const signal = interrupt.received();
    if (signal === undefined || !(error instanceof WorkerctlError) || error.code !== 'locked')
      throw error;
    screen.end();
    printError(`workerctl: interrupted, nothing was done: ${error.message}\n`);
    return exitCodeOfSignal(signal);
  } finally {
    cleanUp();
    process.off('exit', cleanUp);
    interrupt.dispose();
  }
}

const isWaiting = ({ wait }: ActingOptions): boolean => wait !== undefined && wait !== 'not';

async function actWith<Options extends ActingOptions>(
  act: Act<Options>,
  context: Context,
  options: Options,
): Promise<ActOutcome | PlanOutcome> {
  if (options.dryRun) return act(context, options);
  const { stateDir } = context.config;
  const acting = journaled(context, openJournal(stateDir));
  if (!isWaiting(options)) return act(acting, options);
  const attending = createAttending(stateDir);
  try {
    return await act({ ...acting, attending }, options);
  } finally {
    await attending.close();
  }
}

/** Not by bootcheck, which reads no file that it does not need. */
async function forgetOperations(stateDir: string): Promise<void> {
  const { removeOldOperations } = await import('../host/state/operation-files.ts');
  removeOldOperations(stateDir);
}

function printOutcome(
  outcome: ActOutcome | PlanOutcome,
  screen: Screen,
  signal: number | undefined,
): number {
  switch (outcome.kind) {
    case 'planned': {
      const planned = { noted: [], later: [], problems: [], ...outcome };
      screen.planned(planned);
      return exitCodes[planned.problems.length === 0 ? 'done' : 'failed'].code;
    }
    case 'acted': {
      const code = exitCodeFor(outcome, signal);
      screen.acted(outcome, code);
      return code;
    }
  }
}
