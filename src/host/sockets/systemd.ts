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
