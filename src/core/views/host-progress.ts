import { lookup } from '../basics/lookup.ts';
import { elapsed, type Moment } from '../basics/time.ts';
import type { JsonObject } from '../protocols/json-reader.ts';
import type { HostState } from '../rules/host-outcome.ts';
import type { Phase, Progress, ProgressView } from './phase.ts';

/** How far a command is on one host: what its events have said of each instance. */
export interface HostProgress {
  readonly host: string;
  /** Undefined: it was not begun. */
  readonly begunAt?: Moment;
  readonly instances: ReadonlyMap<string, InstancePhase>;
  /** How it has ended there. */
  readonly ended?: { readonly state: HostState; readonly words: string };
  /** Why it failed, in words, if it did: the latest of the errors among its events that say most. */
  readonly error?: { readonly kind: string; readonly words: string };
}

type InstancePhase = 'draining' | 'starting' | 'ready' | 'failed';

const phaseAfter: Readonly<Record<string, InstancePhase>> = {
  draining: 'draining',
  launching: 'starting',
  started: 'starting',
  ready: 'ready',
  start_failed: 'failed',
};

/**
 * Kinds that say less than any other error. A pass that comes later accounts for the death that has aborted the restart
 * before: its event follows the abort.
 */
const leastTelling: readonly string[] = ['died'];

/** More instances of a host are not counted: it may print anything. */
const mostInstances = 5_000;

/** The same host after an object that it has printed. */
export function afterObject(progress: HostProgress, object: JsonObject): HostProgress {
  const { kind, instance, level, text } = object;
  const name = String(instance);
  const phase = typeof kind === 'string' ? lookup(phaseAfter, kind) : undefined;
  const isCounted = progress.instances.size < mostInstances || progress.instances.has(name);
  return {
    ...progress,
    ...(level === 'error' &&
      saysMore(String(kind), progress.error?.kind) && {
        error: { kind: String(kind), words: `${name}: ${String(text)}` },
      }),
    ...(phase !== undefined &&
      isCounted && { instances: new Map(progress.instances).set(name, phase) }),
  };
}

const saysMore = (kind: string, before: string | undefined): boolean =>
  before === undefined || leastTelling.includes(before) || !leastTelling.includes(kind);

/** What is shown of hosts that a command waits for, as of instances. */
export const fleetProgress = (
  command: ProgressView['command'],
  hosts: readonly HostProgress[],
  begunAt: Moment,
  now: Moment,
): ProgressView => ({
  command,
  at: now,
  elapsed: elapsed(begunAt, now),
  items: hosts.map((one) => itemOf(one, now)),
});

function itemOf({ host, begunAt, instances, ended }: HostProgress, now: Moment): Progress {
  const counts = (['draining', 'starting', 'ready', 'failed'] as const)
    .map((phase) => [[...instances.values()].filter((one) => one === phase).length, phase] as const)
    .filter(([count]) => count > 0)
    .map(([count, phase]) => `${count} ${phase}`)
    .join(', ');
  return {
    instance: host,
    phase: phaseOfHost(begunAt !== undefined, instances, ended?.state),
    ...(begunAt !== undefined && ended === undefined && { since: elapsed(begunAt, now) }),
    detail: ended?.words ?? counts,
    isHost: true,
  };
}

function phaseOfHost(
  isBegun: boolean,
  instances: HostProgress['instances'],
  ended: HostState | undefined,
): Phase {
  if (ended !== undefined) return ended === 'done' ? 'done' : 'failed';
  if (!isBegun) return 'waiting';
  return [...instances.values()].includes('draining') ? 'draining' : 'starting';
}
