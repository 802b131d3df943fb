import { mergeLines } from '../../core/protocols/merge-lines.ts';
import type { LogLine } from '../../host/logs/select-lines.ts';
import type { LogLabel } from '../../output/log-line.ts';
import { shownOf } from '../logs/show.ts';
import { answeringSources, type LogSource } from '../logs/sources.ts';
import { inForce, type Place } from './place.ts';

/** A line of a log, and whose log it is. */
export type PageLogLine = LogLine & LogLabel;

/** Of each log no more than its end is read, in bytes: a request must not keep the watch from its work. */
export const mostBytes = 256 * 1024;

/** No more logs than this are read for one request. */
const mostLogs = 20;

/**
 * The logs that the targets name, without those on a file system that does not answer.
 * @throws WorkerctlError `usage` for a target that names nothing
 */
export async function readableLogs(
  place: Place,
  targets: readonly string[],
): Promise<readonly LogSource[]> {
  const sources = await answeringSources(inForce(place), place.hostName, targets);
  return sources.slice(0, mostLogs).filter(({ silence }) => silence === undefined);
}

/** The last lines of the logs that the targets name, at most `count` of each, as far as they can be read. */
export async function lastLogLines(
  place: Place,
  targets: readonly string[],
  count: number,
): Promise<readonly PageLogLine[]> {
  const shown = (await readableLogs(place, targets)).map(shownOf);
  const streams = shown.map(({ source: label, log, read }) => ({
    label,
    lines: [...log.lastLines(count, true, mostBytes)].map(read),
    writtenAt: log.writtenAt(),
  }));
  for (const { log } of shown) log.close();
  return [...mergeLines(streams, ({ at }) => at)].map(({ label, line }) => ({ ...label, ...line }));
}
