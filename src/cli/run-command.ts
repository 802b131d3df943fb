import { constants, hostname } from 'node:os';
import type { ActOptions, LimitOptions, PlanOutcome } from '../engine/command.ts';
import type { Context } from '../engine/session.ts';
import { createHookRunner } from '../engine/hooks/background.ts';
import { journaled } from '../engine/session.ts';
import { releaseFinder } from '../engine/observe/releases.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Desired, RolloutOptions } from '../core/model/desired.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { exitCodeFor, type ActOutcome } from '../core/events/outcome.ts';
import { durationOf, parseDuration, type Duration } from '../core/basics/time.ts';
import type { Batch, Config } from '../core/model/config.ts';
import { currentUser } from '../host/worker/environment.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { createMemoryTracker } from '../host/process/memory.ts';
import { openJournal } from '../host/journal/write.ts';
import { createReadinessProbe, type ReadinessProbe } from '../host/worker/readiness-probe.ts';
import { createSilenceTracker } from '../host/state/heartbeats.ts';
import { checkStateDirectory } from '../host/state/state-directory.ts';
import { configFor, configToActOn } from './config.ts';
import type { RawOptions } from './parse.ts';
import { printError } from './print.ts';
import { openScreen, type Screen } from './screen.ts';

/** What is wanted beyond the config; read only where nobody else can have written it. */
export function intentFor({ stateDir }: Config): Desired {
  checkStateDirectory(stateDir);
  return readDesired(stateDir);
}

/** A command that acts: what it does with its options. */
export type Act<Options> = (
  context: Context,
  options: Options,
) => Promise<ActOutcome | PlanOutcome>;

/** Runs an acting command: its events are printed as they happen, its outcome at the end. */
export async function runAct<Options>(
  command: ActOutcome['command'],
  act: Act<Options>,
  options: Options,
  { global, dryRun }: RawOptions,
): Promise<number> {
  const interrupt = interruption();
  const screen = await openScreen(global);
  const probe = createReadinessProbe();
  const leave = (): void => {
    screen.end();
    probe.dispose();
  };
  process.once('exit', leave);
  try {
    const config = await (dryRun === true ? configFor : configToActOn)(global);
    const context = contextFor(command, config, interrupt.signal, screen, probe);
    const outcome = await act(dryRun === true ? context : withJournal(context), options);
    await context.hooks.settled();
    return printOutcome(outcome, screen, interrupt.received());
  } catch (error) {
    const signal = interrupt.received();
    if (signal === undefined || !(error instanceof WorkerctlError) || error.code !== 'locked')
      throw error;
    screen.end();
    printError(`workerctl: interrupted, nothing was done: ${error.message}\n`);
    return 128 + signal;
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
  const config = withCounts(file, intentFor(file));
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
      printError(`workerctl: the release is not known: ${problem}\n`);
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
      return 0;
    case 'acted': {
      const code = exitCodeFor(outcome, signal);
      screen.acted(outcome, code);
      return code;
    }
  }
}

/** Options of acting commands, as the command line has them. */
export const actOptions = ({ targets, wait, dryRun }: RawOptions): ActOptions => ({
  targets,
  dryRun: dryRun === true,
  wait: waitOf(wait),
});

/** `--now`, or how long each drain may take at most. */
export function limitOptions({ now: isNow, killAfter }: RawOptions): LimitOptions {
  if (isNow === true && killAfter !== undefined) {
    throw new WorkerctlError('usage', 'expected --now or --kill-after, found both');
  }
  if (isNow === true) return { killAfter: durationOf(0) };
  return killAfter === undefined ? {} : { killAfter: durationIn('--kill-after', killAfter) };
}

/** How a restart goes on, where the command line says so. */
export function rolloutOptions(options: RawOptions): RolloutOptions {
  const { canary, batch, overlap } = options;
  return {
    ...(typeof canary === 'boolean' && { canary }),
    ...(batch !== undefined && { batch: batchOf(batch) }),
    ...(typeof overlap === 'boolean' && { overlap }),
    ...limitOptions(options),
  };
}

function batchOf(text: unknown): Batch {
  const match = /^([1-9]\d{0,5})(%?)$/.exec(String(text));
  const number = Number(match?.[1]);
  if (match?.[2] === '%' && number <= 100) return { kind: 'percent', percent: number };
  if (match?.[2] === '') return { kind: 'count', count: number };
  throw new WorkerctlError(
    'usage',
    `--batch: expected a number from 1 on, or 1% to 100%, found ${JSON.stringify(text)}`,
  );
}

/** A length of time on the command line. */
export function durationIn(option: string, text: unknown): Duration {
  const length = typeof text === 'string' ? parseDuration(text) : undefined;
  if (length !== undefined) return length;
  throw new WorkerctlError(
    'usage',
    `${option}: expected a duration like 90s, 15m or 2h, found ${JSON.stringify(text)}`,
  );
}

function waitOf(wait: unknown): ActOptions['wait'] {
  if (wait === undefined || wait === true) return 'forever';
  if (wait === false) return 'not';
  return durationIn('--wait', wait);
}

/** Signals end the waiting, not the work: the command says what is left and how it goes on. A second one ends it at once. */
export function interruption(): {
  signal: AbortSignal;
  received: () => number | undefined;
  dispose: () => void;
} {
  const aborted = new AbortController();
  let received: number | undefined;
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const handle = (name: (typeof names)[number]): void => {
    if (received !== undefined) process.exit(128 + constants.signals[name]);
    received = constants.signals[name];
    aborted.abort();
  };
  for (const name of names) process.on(name, handle);
  return {
    signal: aborted.signal,
    received: () => received,
    dispose: () => {
      for (const name of names) process.off(name, handle);
    },
  };
}
