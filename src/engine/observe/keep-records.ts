import { usualPidfile } from '../../config/specifiers.ts';
import type { Event } from '../../core/events/event.ts';
import type { Config } from '../../core/model/config.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { fineTickMs } from '../../host/files/directory-stamp.ts';
import { sleep } from '../../host/process/clock.ts';
import { keepRecords, manyRecords } from '../../host/state/record-cache.ts';

/**
 * Keeps what a look has to read of each instance, so that the next command finds it even if it comes at once. Only after many
 * events: it takes as long as that look would take without it, and a moment in which nothing changes any more.
 */
export async function keepRecordsAfter(
  events: readonly Event[],
  { stateDir, workers }: Config,
): Promise<void> {
  if (new Set(events.map(({ instance }) => instance)).size < manyRecords) return;
  const usual = usualPidfile(stateDir);
  const own = new Set(workers.filter(({ pidfile }) => pidfile === usual).map(({ name }) => name));
  const isKept = (): boolean => keepRecords(stateDir, (name) => own.has(workerNameOf(name)));
  if (isKept()) return;
  await sleep(fineTickMs + 1);
  isKept();
}
