import { exitCodes } from '../core/basics/exit-codes.ts';
import { schemaVersion } from '../core/basics/schema-version.ts';
import type { Draining } from '../core/events/draining.ts';
import type { Event } from '../core/events/event.ts';
import { eventJson } from '../core/events/event-json.ts';
import { rfc3339 } from '../core/events/form.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { jobOf, type Activity } from '../core/model/activity.ts';

/** One object of a stream, as one line. */
const line = (value: object): string => `${JSON.stringify(value)}\n`;

/** An event of a command that acts, printed when it happens. */
export const eventLine = (event: Event): string => line(eventJson(event));

/** The last line of a stream: how the command has ended, with details that depend on the command. `failed`: it exits with 1. */
export const resultLine = (
  command: string,
  exitCode: number,
  details: Readonly<Record<string, unknown>> = {},
  end: ActOutcome['end'] = exitCode > 128 ? 'interrupted' : 'done',
): string =>
  line({
    schema: schemaVersion,
    kind: 'result',
    command,
    outcome: exitCode === exitCodes.failed.code && end !== 'aborted' ? 'failed' : end,
    exit_code: exitCode,
    ...details,
  });

/** The last line of a command that acts. `counts` has the number of events of each kind that has occurred. */
export const outcomeLine = (outcome: ActOutcome, exitCode: number): string => {
  const { command, end, draining, pending, events, change } = outcome;
  const details = {
    counts: countsOf(events),
    draining: draining.map(drainingJson),
    pending: [...new Set(pending)],
    ...(change !== undefined && change !== '' && { change }),
  };
  return resultLine(command, exitCode, details, end);
};

function countsOf(events: readonly Event[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of events) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

const drainingJson = ({
  instance,
  retiring,
  pid,
  since,
  limit,
  activity,
  cause,
}: Draining): object => ({
  instance,
  ...(retiring !== undefined && { retiring: true }),
  pid,
  since_seconds: since / 1000,
  limit_seconds: limit === undefined ? null : limit / 1000,
  activity: activity === undefined ? null : activityJson(activity),
  cause,
});

/** What a process says of its work. */
export const activityJson = (activity: Activity): object => ({
  state: activity.kind,
  job: jobOf(activity) ?? null,
  since: activity.since === undefined ? null : rfc3339(activity.since),
});
