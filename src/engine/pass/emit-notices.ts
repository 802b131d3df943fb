import type { ProcessRecord } from '../../core/model/record.ts';
import type { Notice } from '../../core/rules/notices.ts';
import type { Event, EventBody } from '../../core/events/event.ts';
import {
  allObserved,
  observedAt,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { msPerTick } from '../../core/model/process.ts';
import { withMemory } from '../../core/rules/out-of-memory.ts';
import type { Moment } from '../../core/basics/time.ts';
import type { JournalEntry } from '../../core/events/journal.ts';
import { readJournal } from '../../host/journal/read.ts';
import { now } from '../../host/process/clock.ts';
import { asUserOf } from '../../host/process/as-user.ts';
import { rightsIn } from '../../core/model/account.ts';
import { lastWordsOf, type LastWords } from '../../host/logs/tail.ts';
import { saysKilledForMemory } from '../../host/process/out-of-memory.ts';
import type { Context } from '../session.ts';
import { noteEvent } from '../hooks/note.ts';

/** How many of the last log lines go into the journal with an unexpected death. */
const keptLogLines = 40;

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
    noteEvent(context, notice.id, event);
    context.report(event);
  }
}

/** Adds what only files and the kernel know of a death. */
function withDetails(context: Context, notice: Notice, observation: Observation): EventBody {
  const { body } = notice;
  if (body.kind !== 'died' && body.kind !== 'job_lost') return body;
  const presence = observedAt(observation, notice)?.presence;
  if (presence?.kind !== 'dead' || presence.record.runId !== body.runId) return body;
  const { record, killing, hasCountedKill, memoryLimit } = presence;
  const { pid, startTime, startedAt } = record;
  const death = withMemory(body.death, () => ({
    isLogged: saysKilledForMemory(pid, startTime * msPerTick),
    isCounted: hasCountedKill === true,
    limit: memoryLimit,
    isOurs: killing !== undefined,
    isAmongOthers: () =>
      wereOthersKilled(context.config.stateDir, record.runId, startedAt, observation),
  }));
  if (body.kind === 'job_lost') return { ...body, death };
  const rss = context.memory.rssOf(notice, record.runId);
  return {
    ...body,
    death,
    ...(rss !== undefined && { rss }),
    ...(body.verdict === 'unexpected' &&
      asUserOf(rightsIn(context.config, notice.instance), () => wordsOf(record))),
  };
}

function wordsOf(record: ProcessRecord): LastWords {
  const { log, logError } = lastWordsOf(record, keptLogLines);
  return { log, ...(logError !== undefined && { logError }) };
}

/** Whether another process of ours was killed since this moment: one that was reported then, or is seen dead now. */
function wereOthersKilled(
  stateDir: string,
  runId: string,
  since: Moment,
  observation: Observation,
): boolean {
  const isOther = ({ presence }: ObservedInstance): boolean =>
    presence.kind === 'dead' &&
    presence.record.runId !== runId &&
    presence.death.kind === 'signalled' &&
    presence.death.signal === sigkill &&
    (presence.diedAt ?? since) >= since;
  if (allObserved(observation).some(isOther)) return true;
  try {
    const query = { since, scan: readLines, mention: '"SIGKILL"', limit: 1 };
    const matches = ({ kind, run_id: other }: JournalEntry): boolean =>
      kind === died && other !== runId;
    return readJournal(stateDir, { ...query, matches }).lines.length > 0;
  } catch {
    return true; // not known
  }
}

const died: Event['kind'] = 'died';
const sigkill = 9;

/** How many of the journal's last lines are read for that: some megabytes at most. */
const readLines = 20_000;
