import { ownWatchdogInterval } from '../../core/protocols/notify-message.ts';
import { whyNone } from './notify-socket.ts';
import { type SystemdNotice, resident, interpretersHere, startHelper } from './notify-helper.ts';

/**
 * Says something to the systemd that has started us, where it wants to hear it (Type=notify): `READY=1`. Through the
 * helper of the open socket, else through one of its own, of which two at once may change the order.
 */
export async function notifySystemd(
  state: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<SystemdNotice> {
  const { NOTIFY_SOCKET: address = '' } = env;
  if (!/^[/@]/.test(address)) return { kind: 'off' };
  if (resident !== undefined) return resident.send(address, state);
  const [interpreter] = interpretersHere(env);
  if (interpreter === undefined) return { kind: 'failed', why: whyNone(env) };
  const helper = await startHelper(interpreter, '', () => undefined);
  if (helper.kind === 'ended') return { kind: 'failed', why: helper.why };
  const notice = await helper.send(address, state);
  await helper.close();
  return notice;
}

/**
 * Gives systemd a sign of life as often as it wants one, from our own event loop, so that none comes when that hangs.
 * Call what it gives back to stop.
 */
export function feedSystemdWatchdog(env: NodeJS.ProcessEnv = process.env): () => void {
  const interval = ownWatchdogInterval(env, process.pid);
  if (interval === undefined) return () => undefined;
  const timer = setInterval(() => void notifySystemd('WATCHDOG=1', env), interval).unref();
  return () => {
    clearInterval(timer);
  };
}
