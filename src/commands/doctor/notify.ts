import { WorkerctlError } from '../../core/basics/error.ts';
import { fine, problem, warning, type Finding, type Findings } from '../../core/views/finding.ts';
import { notifyEnvironment } from '../../host/sockets/notify-path.ts';
import { describeNotify } from '../../host/sockets/notify-socket.ts';
import type { Examination } from './examination.ts';

/** What receives the sd_notify(3) messages of workers, and whether workers that need this have it. */
export async function notifyFindings({ config, env, watch }: Examination): Promise<Findings> {
  const about = 'sd_notify';
  const needy = config.workers.filter(({ ready }) => ready.kind === 'notify');
  const names = needy.map(({ name }) => name).join(', ');
  const helper = helperHere(env);
  if ('level' in helper) return [helper];
  const { name, trust } = helper;
  if (name === 'none') {
    if (needy.length === 0) return fine(about, `none: ${trust}`);
    return problem(about, `none: ${trust}`, [
      `${names}: not started, because ready.notify is set`,
      'install perl or python3, or choose another kind of ready',
    ]);
  }
  if (needy.length === 0) return fine(about, `${name}: ${trust}`);
  const { NOTIFY_SOCKET: socket } = await notifyEnvironment(config.stateDir);
  if (socket !== undefined) return fine(about, `${name}: a watch listens to ${names}`);
  if (watch === undefined) {
    return problem(about, `no watch is running that could listen to ${names}`, [
      'a worker with ready.notify is not started without a watch',
      'run workerctl watch, or choose another kind of ready',
    ]);
  }
  return warning(about, `a watch is running (pid ${watch.pid}), but does not listen`, [
    `${names}: not started meanwhile, because ready.notify is set`,
    'read the output of the watch; if its helper has died, restart the watch',
  ]);
}

function helperHere(env: NodeJS.ProcessEnv): ReturnType<typeof describeNotify> | Finding {
  try {
    return describeNotify(env);
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    return problem('sd_notify', error.message, [
      'watch and every start fail with this error',
      'unset WORKERCTL_NOTIFY, or set it to perl, python3 or none',
    ]);
  }
}
