import { dayViewOf } from '../../core/views/day-view.ts';
import {
  logLinesOf,
  pageViewOf,
  type PageFocus,
  type PageView,
} from '../../core/views/page-view.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { createUsageMeter } from '../../engine/observe/usage.ts';
import { now } from '../../host/process/clock.ts';
import { readJournal } from '../../host/journal/read.ts';
import { readDay } from '../../host/state/day-file.ts';
import { knownLedger } from '../../host/state/ledger-file.ts';
import { lastLogLines } from './log-lines.ts';
import { statusAt, type PageHost } from './place.ts';

/** How many of the latest events are shown. */
const shownEvents = 30;

/** No more lines of the journal than this are looked through for them. */
const mostScanned = 5_000;

/** How many of the last lines of a log are shown. */
export const shownLines = 200;

/** Makes what the page shows; `instance`: the one that is looked at closely. */
export type MakeView = (instance?: string) => Promise<PageView>;

export function createView(host: PageHost): MakeView {
  const usage = createUsageMeter();
  return async (instance) => {
    const place = await host.place();
    const { config, hostName } = place;
    const status = await statusAt(place);
    const pids = status.instances.flatMap(({ pid }) => pid ?? []);
    const day = readDay(config.stateDir);
    const view = pageViewOf({
      host: hostName,
      config: config.path,
      version: VERSION,
      offset: -new Date().getTimezoneOffset(),
      status,
      problem: host.problem(),
      usage: usage.of(pids),
      events: eventsIn(config.stateDir, instance),
      day: dayViewOf(host.day?.() ?? day, knownLedger(config.stateDir), now()),
    });
    if (instance === undefined) return view;
    const isKnown = status.instances.some(({ name }) => name === instance);
    return {
      ...view,
      focus: isKnown
        ? {
            instance,
            isUnknown: false,
            ...(await logOf(() => lastLogLines(place, [instance], shownLines))),
          }
        : { instance, isUnknown: true, log: [] },
    };
  };
}

/** A journal that cannot be read shows no events: the rest is known without it. */
function eventsIn(stateDir: string, of: string | undefined): ReturnType<typeof entriesIn> {
  try {
    return entriesIn(stateDir, of);
  } catch (error) {
    if (error instanceof WorkerctlError) return [];
    throw error;
  }
}

const entriesIn = (stateDir: string, of: string | undefined) =>
  readJournal(stateDir, {
    limit: shownEvents,
    scan: mostScanned,
    ...(of !== undefined && {
      matches: ({ instance }) => instance === of,
      mention: JSON.stringify(of),
    }),
  }).lines.map(({ entry }) => entry);

async function logOf(
  read: () => ReturnType<typeof lastLogLines>,
): Promise<Pick<PageFocus, 'log' | 'logProblem'>> {
  try {
    return { log: logLinesOf((await read()).map(({ line }) => line.toString())) };
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    return { log: [], logProblem: error.message };
  }
}
