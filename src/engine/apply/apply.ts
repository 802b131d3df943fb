import type { Action, ActionKind, ActionOf } from '../../core/model/action.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import { actionKinds, type Plan } from '../../core/model/plan.ts';
import { removeHalfWritten } from '../../host/files/atomic-file.ts';
import { ledgerFolder } from '../../host/state/ledger-file.ts';
import { stagingDirectory } from '../../host/state/paths.ts';
import { claimsIn } from '../observe/witnesses.ts';
import { adoptAll } from './adopt.ts';
import { ask } from './ask.ts';
import { limit } from './limit.ts';
import { removePidfile, rewritePidfile } from './pidfiles.ts';
import { cleanUp, retire } from './retire.ts';
import { assertHeld, orWarn, type Run } from './run.ts';
import { dump, kill, resume } from './signals.ts';
import { startInstances } from './start-instances.ts';

/** Carries out all actions of a kind. */
type Handler<Kind extends ActionKind> = (
  run: Run,
  actions: readonly ActionOf<Kind>[],
) => void | Promise<void>;

/** One by one: what fails for one instance is reported and does not stop the others. */
const each =
  <Kind extends ActionKind>(
    act: (run: Run, action: ActionOf<Kind>) => void | Promise<void>,
  ): Handler<Kind> =>
  async (run, actions) => {
    for (const action of actions) {
      assertHeld(run.passLock);
      await orWarn(run.context, action as Action, () => act(run, action));
    }
  };

/** How each kind of action is carried out. Kinds that follow each other and share a handler are handed to it together. */
const handlers: { readonly [Kind in ActionKind]: Handler<Kind> } = {
  adopt: adoptAll,
  write_pidfile: each(rewritePidfile),
  remove_pidfile: each(removePidfile),
  leftovers: each(async (run, action) => {
    await (await import('./leftovers.ts')).dealWithLeftovers(run, action);
  }),
  clean_up: each(cleanUp),
  limit: each(limit),
  kill: each(kill),
  dump: each(dump),
  resume: each(resume),
  stop: ask,
  quiet: ask,
  retire: each(retire),
  start: ({ blocked, ...run }, starts) =>
    startInstances(
      run,
      starts.filter(({ instance }) => !blocked.has(instance)),
    ),
  rotate: () => undefined, // beside the passes: engine/watch/rotate-logs.ts
};

/** Carries a plan out, under the pass lock. It decides nothing. */
export async function apply(
  given: Omit<Run, 'blocked' | 'claimFor' | 'seen'>,
  outcome: PassOutcome,
): Promise<void> {
  const { context, passLock } = given;
  const { plan } = outcome;
  const { stateDir } = context.config;
  for (const folder of [stateDir, stagingDirectory(stateDir), ledgerFolder(stateDir)])
    removeHalfWritten(folder);
  const run: Run = {
    ...given,
    claimFor: claimsIn(context, outcome),
    seen: outcome.observation,
    blocked: new Set(),
  };
  for (const kinds of batches()) {
    const actions = plan.filter(({ kind }) => kinds.includes(kind));
    if (actions.length === 0) continue;
    assertHeld(passLock);
    const [kind] = kinds;
    const handle = handlers[kind] as (run: Run, actions: Plan) => void | Promise<void>;
    await handle(run, actions);
  }
}

type Batch = [ActionKind, ...ActionKind[]];

/** The kinds in their order, those together that share a handler. */
function batches(): Batch[] {
  const all: Batch[] = [];
  for (const kind of actionKinds) {
    const last = all.at(-1);
    if (last !== undefined && handlers[last[0]] === handlers[kind]) last.push(kind);
    else all.push([kind]);
  }
  return all;
}
