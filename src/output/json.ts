import type { WorkerctlError } from '../core/basics/error.ts';
import type { JobCounts } from '../core/views/job-counts.ts';
import { jobOf, type Activity } from '../core/model/activity.ts';
import type { JournalEntry } from '../core/events/journal.ts';
import { formatAction, formatNoted, type Planned } from '../core/model/plan.ts';
import { isShort, type Status } from '../core/views/status.ts';
import type { Moment } from '../core/basics/time.ts';
import type { Event, Draining } from '../core/events/event.ts';
import type { ActOutcome } from '../core/events/outcome.ts';

/** The version of all that `--json` prints; a change that breaks readers raises it. */
const schema = 2;

const print = (value: object): string => `${JSON.stringify({ schema, ...value }, undefined, 2)}\n`;

/** `status --json`. Times are ISO 8601, lengths are seconds. `events`, of a single instance, are as in the journal. */
export const statusJson = (status: Status, events?: readonly JournalEntry[]): string =>
  print({
    wanted: status.wanted,
    up: status.up,
    ready: status.ready,
    ok: !isShort(status),
    instances: status.instances.map(
      ({ activity, startsAt, name, worker, state, pid, uptime, release, isOutdated, ...rest }) => ({
        name,
        worker,
        state,
        pid: pid ?? null,
        uptime_s: uptime === undefined ? null : uptime / 1000,
        release: release ?? null,
        outdated: isOutdated,
        activity: activity === undefined ? null : activityJson(activity),
        memory_bytes: rest.memory ?? null,
        leftovers: rest.leftovers?.processes ?? [],
        failures: rest.failures ?? 0,
        starts_at: startsAt === undefined ? null : iso(startsAt),
        detail: rest.detail,
      }),
    ),
    counts: status.counts.map(({ worker, count, configured, by, at }) => ({
      worker,
      count,
      configured,
      by,
      at: iso(at),
    })),
    releases: status.releases,
    rollouts: status.rollouts.map(({ id, at, by, counts, change, aborted }) => ({
      id,
      at: iso(at),
      by,
      ...counts,
      change,
      aborted: aborted ?? null,
    })),
    ...(events && { events }),
  });

const iso = (at: number): string => new Date(at).toISOString();

const activityJson = (activity: Activity): object => ({
  state: activity.kind,
  job: jobOf(activity) ?? null,
  since: activity.since === undefined ? null : iso(activity.since),
});

/** What an acting command would do. */
export const planJson = ({ noted, plan, later }: Planned, now: Moment): string =>
  print({
    later,
    plan: [
      ...noted.map((one) => ({
        action: one.kind,
        instance: one.instance,
        cause: one.cause,
        ...(one.kind === 'hold' && { until: one.until === undefined ? null : iso(one.until) }),
        words: formatNoted(one, now),
      })),
      ...plan.map((action) => ({
        action: action.kind,
        instance: action.instance,
        ...(action.retiring !== undefined && { retiring: true }),
        cause: action.cause,
        words: formatAction(action),
      })),
    ],
  });

/** An error, if the caller reads JSON: one line, because there may be lines before it. */
export const errorJson = ({ code, message, hint, problems }: WorkerctlError): string =>
  line({
    error: { code, message, ...(hint !== undefined && { hint }), ...(problems && { problems }) },
  });

/** `jobs --json`. */
export const jobsJson = (workers: readonly JobCounts[]): string => print({ workers });

/** What `init` has written. */
export const initJson = ({ path, found }: { path: string; found: readonly string[] }): string =>
  print({ path, found });

/** What `check` says of a valid config. */
export const checkJson = (path: string, config: object, warnings: readonly string[]): string =>
  print({ path, config, warnings });

/** How many of a worker are wanted. */
export const wantJson = (worker: string, count: number, configured: number, most: number): string =>
  print({ worker, count, configured, max_count: most });

/** What `install` prints for the host; where it has written that to a file, `path` is the file and `text` says so. */
export const installJson = (installed: { text: string; path?: string }): string => print(installed);

/** Whether there was a watch to wake. */
export const triggerJson = (woken: boolean): string => print({ woken });

/** The keys whose numbers are lengths of time. */
const durations: ReadonlySet<string> = new Set([
  'after',
  'delay',
  'drained',
  'draining',
  'limit',
  'took',
  'uptime',
]);

/** The keys whose numbers are moments, except in `Draining`. */
const moments: ReadonlySet<string> = new Set(['at', 'since', 'until']);

/** An event as one line, at once when it happens. Keys are in snake case, lengths in seconds (`drained_s`), times ISO 8601. */
export const eventLine = ({ at, retiring, ...event }: Event): string =>
  line({
    event: inSnakeCase({ at, ...event, ...(retiring !== undefined && { retiring: true }) }),
  });

/** How an acting command has ended: the last line. The keys of `extra` are printed as they are. */
export const resultLine = (
  { command, end, draining, pending }: ActOutcome,
  exitCode: number,
  extra: object = {},
): string =>
  line({
    result: {
      command,
      end,
      exit_code: exitCode,
      draining: draining.map(drainingJson),
      pending,
      ...extra,
    },
  });
const line = (value: object): string => `${JSON.stringify({ schema, ...value })}\n`;
const drainingJson = ({ instance, retiring, pid, since, ...rest }: Draining): object => ({
  instance,
  ...(retiring !== undefined && { retiring: true }),
  pid,
  since_s: since / 1000,
  ...inSnakeCase(rest),
});
const inSnakeCase = (value: object): object =>
  Object.fromEntries(Object.entries(value).map(([key, each]) => entry(key, each)));

function entry(key: string, value: unknown): [string, unknown] {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (typeof value !== 'number') return [name, jsonOf(value)];
  if (durations.has(key)) return [`${name}_s`, value / 1000];
  return [name, moments.has(key) ? new Date(value).toISOString() : value];
}

function jsonOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(jsonOf);
  return typeof value === 'object' && value !== null ? inSnakeCase(value) : value;
}
