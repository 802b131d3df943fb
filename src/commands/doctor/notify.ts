import { WorkerctlError } from '../../core/basics/error.ts';
import { fine, problem, warning, type Finding } from '../../core/views/finding.ts';
import { describeNotify, notifyEnvironment } from '../../host/sockets/notify-socket.ts';
import type { Examination } from './examination.ts';

/** What workers that speak sd_notify(3) are heard with, and whether somebody hears those that must be heard. */
export async function notifyFindings({ config, env, watch }: Examination): Promise<Finding[]> {
  const about = 'sd_notify';
  const needy = config.workers.filter(({ ready }) => ready.kind === 'notify');
  const names = needy.map(({ name }) => name).join(', ');
  const helper = helperHere(env);
  if ('level' in helper) return [helper];
  const { name, trust } = helper;
  if (name === 'none') {
    if (needy.length === 0) return [fine(about, `none: ${trust}`)];
    return [
      problem(about, `none: ${trust}`, [
        `${names}: ready.notify is set, so that they are not started`,
        'install perl or python3, or choose another kind of ready',
      ]),
    ];
  }
  if (needy.length === 0) return [fine(about, `${name}: ${trust}`)];
  const { NOTIFY_SOCKET: socket } = await notifyEnvironment(config.stateDir);
  if (socket !== undefined) return [fine(about, `${name}: a watch hears ${names}`)];
  if (watch === undefined) {
    return [
      problem(about, `no watch runs that could hear ${names}`, [
        'ready.notify is set: such a worker is not started without one',
        'run workerctl watch, or choose another kind of ready',
      ]),
    ];
  }
  return [
    warning(about, `a watch runs (pid ${watch.pid}), but hears nobody`, [
      `${names}: ready.notify is set: such a worker is not started meanwhile`,
      'look at what the watch has said; if its helper has died, start it again',
    ]),
  ];
}

function helperHere(env: NodeJS.ProcessEnv): ReturnType<typeof describeNotify> | Finding {
  try {
    return describeNotify(env);
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    return problem('sd_notify', error.message, [
      'watch and every start end with this error',
      'unset WORKERCTL_NOTIFY, or set it to perl, python3 or none',
    ]);
  }
}
