import { hostname } from 'node:os';
import type { PlanOutcome } from '../engine/command.ts';
import type { Context } from '../engine/session.ts';
import { createHookRunner } from '../engine/hooks/background.ts';
import { journaled } from '../engine/session.ts';
import { releaseFinder } from '../engine/observe/releases.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { exitCodeOfSignal, exitCodes } from '../core/basics/exit-codes.ts';
import { exitCodeFor, type ActOutcome } from '../core/events/outcome.ts';
import type { Config } from '../core/model/config.ts';
import { currentUser } from '../host/worker/environment.ts';
import { createMemoryTracker } from '../host/state/memory-samples.ts';
import { openJournal } from '../host/journal/write.ts';
import { createReadinessProbe, type ReadinessProbe } from '../host/worker/readiness-probe.ts';
import { createSilenceTracker } from '../host/state/silence.ts';
import { configFor, configToActOn, desiredFor } from './config.ts';
import type { GlobalOptions } from './command.ts';
import { interruption } from './interruption.ts';
import { printError } from './print.ts';
import { openScreen, type Screen } from './screen.ts';

/** What an acting command does with its options. */
export type Act<Options> = (
  context: Context,
  options: Options,
) => Promise<ActOutcome | PlanOutcome>;

/** Runs a command that acts on instances. Its events are printed as they happen, its outcome at the end. */
export async function runActing<Options extends { readonly dryRun: boolean }>(
  command: ActOutcome['command'],
  act: Act<Options>,
  options: Options,
  global: GlobalOptions,
): Promise<number> {
  const { dryRun } = options;
  const interrupt = interruption();
  const screen = await openScreen(global);
  const probe = createReadinessProbe();
  const leave = (): void => {
    screen.end();
    probe.dispose();
  };
  process.once('exit', leave);
  try {
    const config = await (dryRun ? configFor : configToActOn)(global);
    const context = contextFor(command, config, interrupt.signal, screen, probe);
    const outcome = await act(dryRun ? context : withJournal(context), options);
    await context.hooks.settled();
    return printOutcome(outcome, screen, interrupt.received());
  } catch (error) {
    const signal = interrupt.received();
    if (signal === undefined || !(error instanceof WorkerctlError) || error.code !== 'locked')
      throw error;
    screen.end();
    printError(`workerctl: interrupted, nothing was done: ${error.message}\n`);
    return exitCodeOfSignal(signal);
  } finally {
    leave();
    process.off('exit', leave);
    interrupt.dispose();
  }
}

const withJournal = (context: Context): Context =>
  journaled(context, openJournal(context.config.stateDir));

function contextFor(
  command: string,
  file: Config,
  signal: AbortSignal,
  screen: Screen,
  probe: ReadinessProbe,
): Context {
  const hostName = hostname();
  const config = withCounts(file, desiredFor(file));
  return {
    config,
    hostName,
    by: `${currentUser().name}@${hostName}`,
    command,
    signal,
    probe,
    silence: createSilenceTracker(config.stateDir),
    memory: createMemoryTracker(config.stateDir),
    hooks: createHookRunner(),
    releaseOf: releaseFinder(config, hostName, (problem) => {
      printError(`workerctl: the release is unknown: ${problem}\n`);
    }),
    report: screen.report,
    progress: screen.progress,
  };
}

function printOutcome(
  outcome: ActOutcome | PlanOutcome,
  screen: Screen,
  signal: number | undefined,
): number {
  switch (outcome.kind) {
    case 'planned':
      screen.planned({ noted: [], later: [], ...outcome });
      return exitCodes.done.code;
    case 'acted': {
      const code = exitCodeFor(outcome, signal);
      screen.acted(outcome, code);
      return code;
    }
  }
}
