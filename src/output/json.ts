import type { Event } from '../core/event.ts';
import type { ActOutcome } from '../core/outcome.ts';
import { formatAction, type Plan } from '../core/plan.ts';
import type { Status } from '../core/status.ts';
import type { Draining } from '../core/event.ts';
import { isShort } from '../core/status.ts';

/** The version of all that `--json` prints; a change that breaks readers raises it. */
const schema = 1;

const print = (value: object): string => `${JSON.stringify({ schema, ...value }, undefined, 2)}\n`;

/** `status --json`. Times are ISO 8601, lengths are seconds. */
export const statusJson = (status: Status): string =>
  print({
    wanted: status.wanted,
    ready: status.ready,
    ok: !isShort(status),
    instances: status.instances.map(({ name, worker, state, pid, uptime, isOutdated, detail }) => ({
      name,
      worker,
      state,
      pid: pid ?? null,
      uptime_s: uptime === undefined ? null : uptime / 1000,
      outdated: isOutdated,
      detail,
    })),
  });

/** What an acting command has done. */
export const outcomeJson = (
  { command, end, draining, pending, events }: ActOutcome,
  exitCode: number,
): string =>
  print({
    command,
    end,
    exit_code: exitCode,
    draining: draining.map(drainingJson),
    pending,
    events: events.map(eventJson),
  });

/** What an acting command would do. */
export const planJson = (plan: Plan): string =>
  print({
    plan: plan.map((action) => ({
      action: action.kind,
      instance: action.instance,
      cause: action.cause,
      words: formatAction(action),
    })),
  });

/** An error, where the caller reads JSON. */
export const errorJson = (
  error: { code: string; message: string; hint: string | undefined },
  exitCode: number,
): string =>
  print({
    error: { code: error.code, message: error.message, hint: error.hint ?? null },
    exit_code: exitCode,
  });

const drainingJson = ({ instance, pid, since, cause }: Draining): object => ({
  instance,
  pid,
  since_s: since / 1000,
  cause,
});

/** Keys in snake case; `drained` and `draining` in seconds. */
function eventJson({ at, ...event }: Event): object {
  const entries = Object.entries(event).map(([key, value]): [string, unknown] => {
    if (key === 'logFile') return ['log_file', value];
    if (key === 'drained' || key === 'draining') return [`${key}_s`, Number(value) / 1000];
    return [key, value];
  });
  return { at: new Date(at).toISOString(), ...Object.fromEntries(entries) };
}

/** What `init` has written. */
export const initJson = ({ path, found }: { path: string; found: readonly string[] }): string =>
  print({ path, found });

/** What `check` says of a valid config. */
export const checkJson = (path: string, config: object, warnings: readonly string[]): string =>
  print({ path, config, warnings });
