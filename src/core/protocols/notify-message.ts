import { durationOf, type Duration } from '../basics/time.ts';

/** What a process reports about itself by sd_notify(3); only what was sent is present. */
export interface NotifyFields {
  readonly ready?: true;
  readonly stopping?: true;
  readonly reloading?: true;
  /** `alive` is a sign of life; by `trigger` it asks to be treated as hanging. */
  readonly watchdog?: 'alive' | 'trigger';
  /** The longest time between two signs of life from now on. */
  readonly watchdogInterval?: Duration;
  /** One line that is safe for a terminal, of at most 200 characters; empty to remove the last one. */
  readonly status?: string;
  /** The main process from now on. */
  readonly mainPid?: number;
  /** The number of the error with which it fails. */
  readonly errno?: number;
  /** How much longer it needs, from now, to start, reload or stop. */
  readonly extendTimeout?: Duration;
}

/**
 * The fields of a datagram: lines of `NAME=value`, if a name appears twice the first one counts, as in systemd. Unknown
 * names and invalid values are left out; a text with a NUL before its end has no fields.
 * Source: sd_notify(3).
 */
export function parseNotifyMessage(text: string): NotifyFields {
  const whole = text.replace(/\0+$/, '');
  const values = new Map<string, string>();
  for (const line of whole.includes('\0') ? [] : whole.split('\n')) {
    const at = line.indexOf('=');
    const name = line.slice(0, Math.max(0, at));
    if (!values.has(name)) values.set(name, line.slice(at + 1));
  }
  return {
    ...(values.get('READY') === '1' && { ready: true }),
    ...(values.get('STOPPING') === '1' && { stopping: true }),
    ...(values.get('RELOADING') === '1' && { reloading: true }),
    ...member('watchdog', watchdogOf(values.get('WATCHDOG'))),
    ...member('watchdogInterval', microseconds(values.get('WATCHDOG_USEC'))),
    ...member('status', lineOf(values.get('STATUS'))),
    ...member('mainPid', numberIn(values.get('MAINPID'), maxPid)),
    ...member('errno', numberIn(values.get('ERRNO'), maxErrno)),
    ...member('extendTimeout', microseconds(values.get('EXTEND_TIMEOUT_USEC'))),
  };
}

/** The same without MAINPID, which only the main process itself may send. */
export function fieldsOfOthers(fields: NotifyFields): NotifyFields {
  const others: Mutable<NotifyFields> = { ...fields };
  delete others.mainPid;
  return others;
}

/**
 * How often this process must send a sign of life to systemd: half the time after which systemd would kill it. Undefined if
 * systemd wants none, or means another process. Source: sd_watchdog_enabled(3).
 */
export function ownWatchdogInterval(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): Duration | undefined {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: meant } = env;
  if (meant !== undefined && meant !== String(pid)) return undefined;
  const interval = microseconds(usec);
  return interval === undefined ? undefined : durationOf(Math.max(1, Math.floor(interval / 2)));
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

const maxPid = 2 ** 22; // PID_MAX_LIMIT
const maxErrno = 4095; // MAX_ERRNO
const maxMs = 2 ** 31 - 1; // 24 days: no timer takes more

const member = <Name extends keyof NotifyFields>(
  name: Name,
  value: NotifyFields[Name],
): NotifyFields => (value === undefined ? {} : { [name]: value });

function watchdogOf(value: string | undefined): 'alive' | 'trigger' | undefined {
  if (value === '1') return 'alive';
  return value === 'trigger' ? 'trigger' : undefined;
}

/** A positive whole number up to `max`; undefined for any other text. */
function numberIn(value: string | undefined, max: number): number | undefined {
  if (value === undefined || !/^\d{1,20}$/.test(value)) return undefined;
  const number = Number(value);
  return number > 0 && number <= max ? number : undefined;
}

function microseconds(value: string | undefined): Duration | undefined {
  const number = numberIn(value, Number.MAX_SAFE_INTEGER);
  return number === undefined ? undefined : durationOf(Math.min(number / 1000, maxMs));
}

/** Control characters, and those that change the direction of the text, become spaces. Truncated at a whole character. */
function lineOf(value: string | undefined): string | undefined {
  const line = value?.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ').trim();
  return line === undefined ? undefined : (/^.{0,200}/u.exec(line)?.[0].trimEnd() ?? '');
}
