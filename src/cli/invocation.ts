import { hostname, constants } from 'node:os';
import { isAbsolute } from 'node:path';
import { findConfig } from '../config/find-config.ts';
import { loadConfig } from '../config/load-config.ts';
import type { Context } from '../control/context.ts';
import { WorkerctlError } from '../core/error.ts';
import { exitCodeFor, type ActOutcome } from '../core/outcome.ts';
import { parseDuration } from '../core/time.ts';
import type { Config } from '../core/worker.ts';
import type { ActOptions, PlanOutcome } from '../commands/act.ts';
import { now } from '../os/clock.ts';
import { currentUser } from '../os/environment.ts';
import { formatEventLine, formatOutcome, formatPlanned, formatWaiting } from '../output/human.ts';
import { outcomeJson, planJson } from '../output/json.ts';
import { plain, type Colours } from '../output/plain.ts';
import type { GlobalOptions, RawOptions } from './parse.ts';
import { mayBeTerminal, print, printError } from './print.ts';

/** The path of the config that the options, the environment or the working directory name. */
export function configPath({ config, directory }: GlobalOptions): string {
  const named = config ?? process.env['WORKERCTL_CONFIG'] ?? '';
  if (isAbsolute(named)) return named;
  if (directory !== undefined) return findConfig({ config, env: process.env, cwd: directory });
  throw new WorkerctlError(
    'config',
    'the working directory was removed: no config can be looked for from there',
    { hint: 'cd to a folder that is there, or name the config with --config and its whole path' },
  );
}

/** The config itself. */
export const configFor = (options: GlobalOptions): Config => loadConfig(configPath(options));

/** Colours where they can be seen or are asked for; what makes them is loaded only then. */
export async function colours(): Promise<Colours> {
  if (!mayBeTerminal() && process.env['FORCE_COLOR'] === undefined) return plain;
  const { coloursFor } = await import('../output/colours.ts');
  return coloursFor(process.env);
}

/** A command that acts, with its outcome. */
export type Act = (context: Context, options: ActOptions) => Promise<ActOutcome | PlanOutcome>;

/** Runs an acting command: its events are printed as they happen, its outcome at the end. */
export async function runAct(
  command: ActOutcome['command'],
  act: Act,
  { global, targets, wait, dryRun }: RawOptions,
): Promise<number> {
  const interrupt = interruption();
  try {
    const context = contextFor(command, global, interrupt.signal, await colours());
    const outcome = await act(context, {
      targets,
      dryRun: dryRun === true,
      wait: waitOf(wait),
    });
    return printOutcome(outcome, global, interrupt.received());
  } catch (error) {
    const signal = interrupt.received();
    if (signal === undefined || !(error instanceof WorkerctlError) || error.code !== 'locked')
      throw error;
    printError(`workerctl: interrupted, nothing was done: ${error.message}\n`);
    return 128 + signal;
  } finally {
    interrupt.dispose();
  }
}

function contextFor(
  command: string,
  global: GlobalOptions,
  signal: AbortSignal,
  painted: Colours,
): Context {
  const hostName = hostname();
  const say = (text: string): void => {
    if (!global.json) print(text);
  };
  return {
    config: configFor(global),
    hostName,
    by: `${currentUser().name}@${hostName}`,
    command,
    signal,
    report: (event) => {
      if (event.kind !== 'ready') say(formatEventLine(event, painted));
    },
    reportWaiting: (draining) => {
      say(formatWaiting(draining, now()));
    },
  };
}

function printOutcome(
  outcome: ActOutcome | PlanOutcome,
  { json }: GlobalOptions,
  signal: number | undefined,
): number {
  switch (outcome.kind) {
    case 'planned':
      print(json ? planJson(outcome.plan) : formatPlanned(outcome.plan));
      return 0;
    case 'acted': {
      const code = exitCodeFor(outcome, signal);
      print(json ? outcomeJson(outcome, code) : formatOutcome(outcome));
      return code;
    }
  }
}

function waitOf(wait: unknown): ActOptions['wait'] {
  if (wait === undefined || wait === true) return 'forever';
  if (wait === false) return 'not';
  const limit = typeof wait === 'string' ? parseDuration(wait) : undefined;
  if (limit !== undefined) return limit;
  throw new WorkerctlError(
    'usage',
    `--wait: expected a duration like 90s, 15m or 2h, found ${JSON.stringify(wait)}`,
  );
}

/** Signals end the waiting, not the work: the command says what is left and how it goes on. A second one ends it at once. */
function interruption(): {
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
