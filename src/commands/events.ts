import { WorkerctlError } from '../core/basics/error.ts';
import { journalKinds, type JournalEntry } from '../core/events/journal.ts';
import { namedBy, selectInstances } from '../core/model/targets.ts';
import type { Moment } from '../core/basics/time.ts';
import type { Config } from '../core/model/config.ts';
import { readJournal, type JournalFound } from '../host/journal/read.ts';
import { recordedInstances } from '../host/state/paths.ts';

/** Which events somebody wants to see. */
export interface EventsRequest {
  /** Workers, instances or globs, also such that the config has no longer; none means all. */
  readonly targets: readonly string[];
  /** None means all. */
  readonly kinds: readonly string[];
  readonly since: Moment | undefined;
  /** At most so many, the latest ones. */
  readonly limit: number;
}

/** What the journal has, and what an entry must be like to belong to it. */
export interface EventsFound extends JournalFound {
  readonly matches: (entry: JournalEntry) => boolean;
}

/**
 * Reads what has happened from the journal.
 * @throws WorkerctlError `usage` for a kind that there is not, or a target that neither config nor journal has; `state` when
 * the journal cannot be read
 */
export function events({
  config,
  request,
}: {
  config: Config;
  request: EventsRequest;
}): EventsFound {
  const { targets, kinds, since, limit } = request;
  for (const kind of kinds) refuseUnknown(kind);
  for (const target of targets) refuseNameless(config, target);
  const isNamed = namedBy(targets);
  const matches = ({ instance, kind }: JournalEntry): boolean =>
    isNamed(instance) && (kinds.length === 0 || kinds.includes(kind));
  const found = readJournal(config.stateDir, {
    ...(since !== undefined && { since }),
    limit,
    matches,
  });
  return { ...found, matches };
}

function refuseUnknown(kind: string): void {
  if (journalKinds.includes(kind)) return;
  throw new WorkerctlError(
    'usage',
    `--kind: expected kinds of events, found ${JSON.stringify(kind)}`,
    { hint: `there are ${journalKinds.join(', ')}` },
  );
}

/** What neither the config, nor the state directory, nor the journal has is a slip. */
function refuseNameless(config: Config, target: string): void {
  const { stateDir } = config;
  try {
    selectInstances(config, recordedInstances(stateDir), [target]);
  } catch (error) {
    const isNamed = namedBy([target]);
    const { lines } = readJournal(stateDir, {
      limit: 1,
      matches: ({ instance }) => isNamed(instance),
    });
    if (lines.length === 0) throw error;
  }
}
