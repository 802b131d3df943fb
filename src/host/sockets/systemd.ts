import { ownWatchdogInterval } from '../../core/protocols/notify-message.ts';
import {
  interpretersHere,
  noInterpreter,
  startHelper,
  type SystemdNotice,
} from './notify-helper.ts';
import { residentHelper } from './notify-kept-helper.ts';

/**
 * Sends a state such as `READY=1` to the systemd that has started this process, if it wants one (Type=notify). Uses the helper
 * of the open socket, otherwise one of its own; two of those at once may change the order.
 */
export async function notifySystemd(
  state: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<SystemdNotice> {
  const { NOTIFY_SOCKET: address = '' } = env;
  if (!/^[/@]/.test(address)) return { kind: 'off' };
  if (residentHelper !== undefined) return residentHelper.send(address, state);
  const [interpreter] = interpretersHere(env);
  if (interpreter === undefined) return { kind: 'failed', problem: noInterpreter(env) };
  const helper = await startHelper(interpreter, '', () => undefined);
  if (helper.kind === 'ended') return { kind: 'failed', problem: helper.problem };
  const notice = await helper.send(address, state);
  await helper.close();
  return notice;
}

/** What a service says about itself. Source: sd_notify(3). */
export interface SystemdReports {
  /** It has begun its work. Said once, however often it is called. */
  readonly ready: () => void;
  /** It reads its configuration again. Nothing is said before it was ready. */
  readonly reloading: () => Promise<void>;
  /** It has done so, with this result: one line, empty if there is nothing to say. */
  readonly reloaded: (status: string) => Promise<void>;
  readonly stopping: () => Promise<void>;
}

/** @param notify sends a state to systemd */
export function createSystemdReports(
  notify: (state: string) => Promise<unknown> = notifySystemd,
): SystemdReports {
  let isReady = false;
  let last: Promise<unknown> = Promise.resolve();
  // One after the other: each may have a helper of its own.
  const send = async (state: string): Promise<void> => {
    last = last.then(() => notify(state));
    await last;
  };
  const ifReady = async (state: string): Promise<void> => {
    if (isReady) await send(state);
  };
  return {
    ready: () => {
      if (!isReady) void send('READY=1');
      isReady = true;
    },
    reloading: () => ifReady(`RELOADING=1\nMONOTONIC_USEC=${monotonicMicroseconds()}`),
    reloaded: (status) => ifReady(`READY=1\nSTATUS=${status.replace(/\s+/g, ' ')}`),
    stopping: () => send('STOPPING=1'),
  };
}

/** On CLOCK_MONOTONIC, as hrtime is on Linux. */
const monotonicMicroseconds = (): string => String(process.hrtime.bigint() / 1000n);

/**
 * Gives systemd a sign of life as often as it wants one, from our own event loop, so that there is none if that hangs.
 * @returns a function that stops it
 */
export function feedSystemdWatchdog(env: NodeJS.ProcessEnv = process.env): () => void {
  const interval = ownWatchdogInterval(env, process.pid);
  if (interval === undefined) return () => undefined;
  const timer = setInterval(() => void notifySystemd('WATCHDOG=1', env), interval).unref();
  return () => {
    clearInterval(timer);
  };
}
