import type { News } from '../core/account.ts';
import type { Event, Happening } from '../core/event.ts';
import type { Observation } from '../core/observation.ts';
import { msPerTick } from '../core/process.ts';
import type { Death, ProcessRecord } from '../core/record.ts';
import { now } from '../os/clock.ts';
import { lastLines } from '../os/log-tail.ts';
import { saysKilledForMemory } from '../os/out-of-memory.ts';
import type { Context } from './context.ts';
import { noteHook } from './hooks.ts';

/** How many of its last log lines go into the journal with a death that nobody asked for. */
const keptLogLines = 20;

/**
 * Tells what a pass has learned, before it writes down that it has and does anything about it: whoever is killed in
 * between tells it twice rather than not at all.
 */
export function tellNews(context: Context, all: readonly News[], observation: Observation): void {
  for (const news of all) {
    const happening = withFindings(context, news, observation);
    const event: Event = { ...happening, at: now(), instance: news.instance };
    noteHook(context, news, event);
    context.report(event);
  }
}

/** What only files and the kernel know of a death. */
function withFindings(
  context: Context,
  { instance, happening }: News,
  observation: Observation,
): Happening {
  if (happening.kind !== 'died' && happening.kind !== 'lost') return happening;
  const presence = observation.instances.get(instance)?.presence;
  const record = presence?.kind === 'dead' ? presence.record : undefined;
  if (record?.start !== happening.start) return happening;
  const death = withMemory(happening.death, record);
  if (happening.kind === 'lost') return { ...happening, death };
  const rss = context.memory.rssOf(instance, record.start);
  const { path, offset } = record.log;
  return {
    ...happening,
    death,
    ...(rss !== undefined && { rss }),
    ...(happening.verdict === 'lost' && { log: lastLines(path, offset, keptLogLines) }),
  };
}

/** The kernel's log is surer than its count. */
function withMemory(death: Death, { pid, startTime }: ProcessRecord): Death {
  if (death.kind !== 'signalled' || death.signal !== kill) return death;
  const isSaid = saysKilledForMemory(pid, startTime * msPerTick);
  if (isSaid === undefined) return death;
  const { kind, signal, coreDumped } = death;
  return { kind, signal, coreDumped, ...(isSaid && { outOfMemory: 'certain' as const }) };
}

const kill = 9;
