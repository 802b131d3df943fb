import { keyOf, shownName } from '../core/model/instance.ts';
import { runIdOfStray } from '../core/model/observation.ts';
import { isFailedAction, type Event } from '../core/events/event.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import type { Plan, Planned } from '../core/model/plan.ts';
import type { IsOld } from '../core/rules/lifecycle.ts';
import { durationOf, type Duration } from '../core/basics/time.ts';
import { listening, type Context } from './session.ts';
import type { PassOutcome } from '../core/model/decision.ts';
import type { Settled } from './wait/settle.ts';

/** The options of every command that acts on instances. */
export interface ActOptions {
  /** Workers, instances or globs; none means all. */
  readonly targets: readonly string[];
  readonly dryRun: boolean;
  /** How long to wait: without limit, not at all, or at most this long. */
  readonly wait: 'forever' | 'not' | Duration;
}

/** The limit of a command that asks processes to exit. */
export interface LimitOptions {
  /** A process that drains longer is killed with its session; 0: at once. Undefined: as the config says. */
  readonly killAfter?: Duration;
}

/** What a command would do. */
export interface PlanOutcome extends Partial<Planned> {
  readonly kind: 'planned';
  readonly plan: Plan;
}

/** How long a command waits for another pass, which as a rule takes a moment. */
export const lockWait = durationOf(10_000);

/** The limit of a wait; undefined: none. */
export const limitOf = (wait: ActOptions['wait']): Duration | undefined =>
  typeof wait === 'number' ? wait : undefined;

/** The same context, and all events that it reports. */
export function recording(context: Context): { recorded: Context; events: Event[] } {
  const events: Event[] = [];
  return { recorded: listening(context, (event) => events.push(event)), events };
}

/** The instances that could not be started, signalled or adopted. */
export const failedAmong = (events: readonly Event[]): Set<string> =>
  new Set(events.filter(isFailedAction).map(keyOf));

/** The instances whose command is starting a program that forks away. */
export const launchingAmong = (events: readonly Event[]): Set<string> =>
  new Set(events.filter(({ kind }) => kind === 'launching').map(({ instance }) => instance));

/** What a pass would do, which restarts it would abort, and which processes it would not signal. */
export function plannedBy({ before, desired, plan, refusals = [] }: PassOutcome): PlanOutcome {
  const wasAborted = new Set(
    before.desired.rollouts.flatMap(({ id, aborted }) => (aborted === undefined ? [] : [id])),
  );
  const aborts = desired.rollouts.flatMap(({ id, aborted }) =>
    aborted === undefined || wasAborted.has(id)
      ? []
      : [`${aborted.instance}: the restart would be aborted: ${aborted.problem}`],
  );
  const refused = refusals.map(
    (one) => `${shownName(one)}: pid ${one.process.pid} would get no signal: ${one.problem}`,
  );
  return { kind: 'planned', plan, problems: [...refused, ...aborts] };
}

/** How a command that waited has ended. */
export const acted = (
  command: ActOutcome['command'],
  events: readonly Event[],
  settled: Settled | { readonly kind: 'not_waited' },
): ActOutcome => ({
  kind: 'acted',
  command,
  end: settled.kind,
  draining: 'draining' in settled ? settled.draining : [],
  pending: 'pending' in settled ? settled.pending : [],
  ...('wait' in settled && { wait: settled.wait }),
  ...('ended' in settled && { ended: settled.ended }),
  events,
});

/** Each instance's process when the pass began: dead ones, and with `alive` living ones. */
export function predecessors({ observation }: PassOutcome, alive: boolean): Map<string, IsOld> {
  const old = new Map<string, IsOld>();
  for (const { name, presence } of observation.instances.values()) {
    if (presence.kind === 'dead' || (alive && presence.kind === 'alive'))
      old.set(name, isOfRun(presence.record.runId));
    if (alive && presence.kind === 'stray') old.set(name, isOfRun(runIdOfStray(presence)));
  }
  return old;
}

const isOfRun =
  (runId: string): IsOld =>
  (_, record) =>
    record?.runId === runId;
