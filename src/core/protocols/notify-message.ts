import { durationOf, type Duration } from '../basics/time.ts';

/** What a process says of itself by sd_notify(3); only what it says is there. */
export interface NotifyFields {
  readonly ready?: true;
  readonly stopping?: true;
  readonly reloading?: true;
  /** `alive` is a sign of life; with `trigger` it asks to be treated as hanging. */
  readonly watchdog?: 'alive' | 'trigger';
  /** How often it will give a sign of life from now on, at the least. */
  readonly watchdogInterval?: Duration;
  /** One line that does a terminal no harm, of 200 characters at most; empty when it takes its last one back. */
  readonly status?: string;
  /** Who the main process is from now on. */
  readonly mainPid?: number;
  /** The number of the error that it fails with. */
  readonly errno?: number;
  /** How much longer than this from now it needs not to start, reload or stop in. */
  readonly extendTimeout?: Duration;
}

/**
 * The fields of a datagram: lines of `NAME=value`, of which the first counts when a name comes twice, as in systemd.
 * Unknown names and values that mean nothing are left out; so is everything when there is a NUL in it but at its end.
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

/** The same without what only the main process itself may say: who the main process is. */
export function fieldsOfOthers(fields: NotifyFields): NotifyFields {
  const others: Mutable<NotifyFields> = { ...fields };
  delete others.mainPid;
  return others;
}

/**
 * How often systemd wants to hear from this process: half the time after which it would end it. Undefined when it does
 * not, or means another process. Source: sd_watchdog_enabled(3).
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

/** A positive whole number; undefined when it is none. */
function numberIn(value: string | undefined, max: number): number | undefined {
  if (value === undefined || !/^\d{1,20}$/.test(value)) return undefined;
  const number = Number(value);
  return number > 0 && number <= max ? number : undefined;
}

function microseconds(value: string | undefined): Duration | undefined {
  const number = numberIn(value, Number.MAX_SAFE_INTEGER);
  return number === undefined ? undefined : durationOf(Math.min(number / 1000, maxMs));
}

/** Control characters, and those that turn the direction of the text, become spaces; cut by whole characters. */
function lineOf(value: string | undefined): string | undefined {
  const line = value?.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ').trim();
  return line === undefined ? undefined : (/^.{0,200}/u.exec(line)?.[0].trimEnd() ?? '');
}
