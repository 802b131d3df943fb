import { WorkerctlError } from '../../core/basics/error.ts';
import type { JournalEntry } from '../../core/events/journal.ts';
import { unitName } from '../../core/protocols/cgroup.ts';
import type { Status } from '../../core/views/status.ts';
import { colours } from '../../cli/colours.ts';
import type { GlobalOptions } from '../../cli/command.ts';
import { configInForce } from '../../cli/config.ts';
import { printError, printPainted } from '../../cli/print.ts';
import { now } from '../../host/process/clock.ts';
import { groupOf } from '../../host/process/process-table.ts';
import { readJournal } from '../../host/journal/read.ts';
import { formatEntry, nameWidth } from '../../output/journal.ts';
import type { Shape } from '../../output/status/layout.ts';
import { formatStatus } from '../../output/status/table.ts';

/** With the systemd units that the processes live in. */
export const withUnits = (found: Status): Status => ({
  ...found,
  instances: found.instances.map((one) => {
    const unit = one.pid === undefined ? undefined : unitName(groupOf(one.pid));
    return unit === undefined ? one : { ...one, unit };
  }),
});

/** How many of its latest events are shown below the status of an instance. */
const shownEvents = 10;

/** The latest events of an instance; none if the journal cannot be read, which is reported. */
export async function eventsOf(
  global: GlobalOptions,
  name: string,
): Promise<readonly JournalEntry[]> {
  const { stateDir } = await configInForce(global);
  return orNone(() =>
    readJournal(stateDir, {
      limit: shownEvents,
      matches: ({ instance }) => instance === name,
      mention: JSON.stringify(name),
    }).lines.map(({ entry }) => entry),
  );
}

/** Prints the status of one instance, the units of its processes, and its events. */
export async function printInstance(
  found: Status,
  global: GlobalOptions,
  name: string,
  shape: Shape,
): Promise<void> {
  const [painted, events] = [await colours(), await eventsOf(global, name)];
  const at = now();
  const table = formatStatus(found, painted, shape);
  const units = withUnits(found).instances.flatMap(({ pid, unit }) =>
    pid === undefined || unit === undefined ? [] : [`pid ${pid} lives in ${unit}\n`],
  );
  const lines = events.map((entry) => formatEntry(entry, at, painted, nameWidth(events)));
  const below = lines.length === 0 ? '' : `\n${lines.join('')}`;
  printPainted(table + units.join('') + below);
}

function orNone(read: () => JournalEntry[]): JournalEntry[] {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    printError(`workerctl: ${error.message}\n`);
    return [];
  }
}
