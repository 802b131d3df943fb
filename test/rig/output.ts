// What `--json` prints, for tests: they assert kinds and members, and never sentences. The names of members are the
// business of the schema; what several tests need of it is here, so that a change of a name is a change here.
import type { EventBody } from '../../src/core/events/event.ts';
import { expect } from 'vitest';
import { validate } from './schemas.ts';

/** The version of all that is printed as JSON. */
export const schema = 2;

export type EventKind = EventBody['kind'];

/** An event as `--json` prints it, and what only events of its kind have. */
export type EventJson = Readonly<{ kind: EventKind; instance: string; at: string }> &
  Readonly<Record<string, unknown>>;

/** How an acting command has ended: the last line. */
export type ResultJson = Readonly<{
  kind: 'result';
  command: string;
  outcome:
    | 'done'
    | 'failed'
    | 'not_waited'
    | 'timed_out'
    | 'interrupted'
    | 'aborted'
    | 'ended'
    | 'detached'
    | 'unknown';
  exit_code: number;
  draining: readonly Readonly<{ instance: string; pid: number } & Record<string, unknown>>[];
  pending: readonly string[];
}> &
  Readonly<Record<string, unknown>>;

/** An error as `--json` prints it. */
export type ErrorJson = Readonly<{ code: string; message: string; hint: unknown }>;

interface LineJson {
  readonly schema: number;
  /** An event, a result, or an answer, which has no kind. */
  readonly kind?: string;
  readonly error?: ErrorJson;
  readonly exit_code?: number;
}

const isEvent = (line: LineJson): line is LineJson & EventJson => 'at' in line && 'kind' in line;
const isResult = (line: LineJson | undefined): line is LineJson & ResultJson =>
  line?.kind === 'result';

/** The objects in a stream with one on each line; or the one object of a command that answers with one. */
function linesIn(text: string): LineJson[] {
  const texts = /^\{\n/.test(text) ? [text] : text.split('\n').filter(Boolean);
  const lines = texts.map((line) => JSON.parse(line) as LineJson);
  for (const line of lines) {
    expect(line.schema, text).toBe(schema);
    validate(line);
  }
  return lines;
}

/** The events in what a command has printed with `--json`, in order. A line that is not complete yet is left out. */
export const eventsIn = (text: string): EventJson[] =>
  linesIn(/\n$|\}$/.test(text) ? text : text.slice(0, text.lastIndexOf('\n') + 1)).filter(isEvent);

/** The last line of what an acting command has printed with `--json`. */
export function resultIn(text: string): ResultJson {
  const lines = linesIn(text);
  const result = lines.at(-1);
  if (!isResult(result) || lines.slice(0, -1).some(isResult))
    throw new Error(`expected one result, in the last line: ${text}`);
  return result;
}

/** The error that a command has printed with `--json`, in the last line. */
export function errorIn(text: string): ErrorJson {
  const { error } = linesIn(text).at(-1) ?? {};
  if (error === undefined) throw new Error(`expected an error in the last line: ${text}`);
  return error;
}

/** How a command with `--json` has ended. */
export interface Acted {
  readonly exitCode: number | undefined;
  readonly events: readonly EventJson[];
  /** The events of these kinds, in order. */
  readonly of: (...kinds: readonly EventKind[]) => readonly EventJson[];
  /** What happened, in order, of these kinds or of all: `draining mail.1`. */
  readonly story: (...kinds: readonly EventKind[]) => readonly string[];
  /** How it has ended, unless by an error. */
  readonly result: () => ResultJson;
  readonly error: () => ErrorJson;
  /** All that it has printed, for the message of an assertion. */
  readonly all: string;
  readonly stderr: string;
}

/** What a command that was run with `--json` has printed. */
export function actedOf(ended: {
  readonly exitCode?: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly all: string;
}): Acted {
  const events = eventsIn(ended.stdout);
  return {
    exitCode: ended.exitCode,
    events,
    of: (...kinds) => ofKinds(events, kinds),
    story: (...kinds) => story(events, ...kinds),
    result: () => resultIn(ended.stdout),
    error: () => errorIn(ended.stdout),
    all: ended.all,
    stderr: ended.stderr,
  };
}

export const ofKinds = <E extends { readonly kind: string }>(
  events: readonly E[],
  kinds: readonly EventKind[],
): E[] => events.filter(({ kind }) => (kinds as readonly string[]).includes(kind));

/** What happened, in order, of these kinds or of all: `draining mail.1`. */
export const story = (events: readonly EventJson[], ...kinds: readonly EventKind[]): string[] =>
  (kinds.length === 0 ? events : ofKinds(events, kinds)).map(
    ({ kind, instance }) => `${kind} ${instance}`,
  );

/** How many instances were down at once for a restart, at most, by its events. */
export function mostDown(events: readonly EventJson[]): number {
  let down = 0;
  let most = 0;
  for (const { kind } of events) {
    if (kind === 'draining') down += 1;
    if (kind === 'ready') down -= 1;
    most = Math.max(most, down);
  }
  return most;
}

/** What `status --json` prints. */
export interface StatusJson {
  readonly schema: number;
  readonly wanted: number;
  readonly up: number;
  readonly ready: number;
  readonly done: number;
  readonly ok: boolean;
  readonly wanted_is_known: boolean;
  readonly state_problem: string | null;
  readonly instances: readonly {
    readonly instance: string;
    readonly state: string;
    readonly pid: number | null;
    readonly release: string | null;
    readonly outdated: boolean | null;
    readonly activity: { readonly state: string; readonly job: string | null } | null;
    readonly memory_bytes: number | null;
    readonly leftovers: readonly { readonly pid: number; readonly name: string }[];
    readonly failures: number;
    readonly log_problem: string | null;
    readonly starts_at: string | null;
    readonly detail: string;
  }[];
  readonly releases: Readonly<Record<string, string>>;
  readonly not_run: readonly string[];
  readonly distrust: string | null;
  readonly rollouts: readonly Readonly<
    { id: string; aborted: string | null } & Record<string, unknown>
  >[];
}

/** What went wrong, by an event. */
export const problemOf = (event: Readonly<Record<string, unknown>> | undefined): string =>
  String(event?.['problem']);

/** How a process ended, as an event has it: by a status, by a signal, or in a way that could not be known. */
export interface DeathJson {
  readonly status?: number;
  readonly signal?: string;
  readonly unknown?: string;
}

export function deathOf(event: Readonly<Record<string, unknown>> | undefined): DeathJson {
  const death = (event?.['death'] ?? {}) as Readonly<{
    exit_status?: number;
    signal?: string;
    problem?: string;
  }>;
  return {
    ...(death.exit_status !== undefined && { status: death.exit_status }),
    ...(death.signal !== undefined && { signal: death.signal }),
    ...(death.problem !== undefined && { unknown: death.problem }),
  };
}
