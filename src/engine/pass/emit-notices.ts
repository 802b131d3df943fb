import type { Notice } from '../../core/rules/notices.ts';
import type { Event, EventBody } from '../../core/events/event.ts';
import { observedAt, type Observation } from '../../core/model/observation.ts';
import { msPerTick } from '../../core/model/process.ts';
import type { Death, ProcessRecord } from '../../core/model/record.ts';
import { now } from '../../host/process/clock.ts';
import { lastLines } from '../../host/logs/tail.ts';
import { saysKilledForMemory } from '../../host/process/out-of-memory.ts';
import type { Context } from '../session.ts';
import { noteHook } from '../hooks/run-hooks.ts';

/** How many of the last log lines go into the journal with an unexpected death. */
const keptLogLines = 20;

/**
 * Reports what a pass has found, before it writes down that it has and acts on it. A pass that is killed in between leads
 * to a second report, never to none.
 */
export function emitNotices(
  context: Context,
  notices: readonly Notice[],
  observation: Observation,
): void {
  for (const notice of notices) {
    const body = withDetails(context, notice, observation);
    const { instance, retiring } = notice;
    const ref = { instance, ...(retiring !== undefined && { retiring }) };
    const event: Event = { ...body, at: now(), ...ref };
    noteHook(context, notice, event);
    context.report(event);
  }
}

/** Adds what only files and the kernel know of a death. */
function withDetails(context: Context, notice: Notice, observation: Observation): EventBody {
  const { body } = notice;
  if (body.kind !== 'died' && body.kind !== 'job_lost') return body;
  const presence = observedAt(observation, notice)?.presence;
  const record = presence?.kind === 'dead' ? presence.record : undefined;
  if (record?.runId !== body.runId) return body;
  const death = withMemory(body.death, record);
  if (body.kind === 'job_lost') return { ...body, death };
  const rss = context.memory.rssOf(notice, record.runId);
  const { path, offset } = record.log;
  return {
    ...body,
    death,
    ...(rss !== undefined && { rss }),
    ...(body.verdict === 'unexpected' && { log: lastLines(path, offset, keptLogLines) }),
  };
}

/** The kernel's log, if it can be read, is more certain than its count of such kills. */
function withMemory(death: Death, { pid, startTime }: ProcessRecord): Death {
  if (death.kind !== 'signalled' || death.signal !== sigkill) return death;
  const isSaid = saysKilledForMemory(pid, startTime * msPerTick);
  if (isSaid === undefined) return death;
  const { kind, signal, coreDumped } = death;
  return { kind, signal, coreDumped, ...(isSaid && { outOfMemory: 'certain' as const }) };
}

const sigkill = 9;
