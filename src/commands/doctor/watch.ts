import { closeSync, constants, openSync } from 'node:fs';
import { formatDayAndTime } from '../../core/basics/time.ts';
import { fine, listed, problem, warning, type Findings } from '../../core/views/finding.ts';
import { now } from '../../host/process/clock.ts';
import { readDropped } from '../../host/state/dropped-messages.ts';
import { errnoOf } from '../../host/files/errno.ts';
import { triggerPath } from '../../host/sockets/pull-trigger.ts';
import { orElse, type Examination } from './examination.ts';
import { linkStatsOf } from '../../host/files/stats-of.ts';
import { notifyEnvironment } from '../../host/sockets/notify-path.ts';
import { describeNotify } from '../../host/sockets/notify-socket.ts';

/** Whether a watch is running on this state directory, and whether its trigger works. */
export function residentFindings({ config, watch }: Examination): Findings {
  const { stateDir } = config;
  const trigger = triggerState(triggerPath(stateDir));
  if (trigger.kind === 'strange') {
    return problem(`trigger ${triggerPath(stateDir)}`, trigger.found, [
      'workerctl watch does not start (exit code 73)',
      'remove it; workerctl watch makes a new one',
    ]);
  }
  const isHeard = trigger.kind === 'heard';
  if (watch === undefined && !isHeard) return [noWatch(config)];
  const about = 'watch';
  if (watch?.activity === 'stopped') {
    return problem(about, `pid ${watch.pid} is stopped (SIGSTOP)`, [
      'it holds the lock of the watch, and does no work',
      `kill -CONT ${watch.pid}`,
    ]);
  }
  if (watch !== undefined && !isHeard) {
    return warning(about, `pid ${watch.pid} is running, but does not read the trigger`, [
      'workerctl trigger does not wake it; it acts only once a minute',
      'unless it has started just now, restart it',
    ]);
  }
  return fine(about, watch === undefined ? 'a process reads the trigger' : `pid ${watch.pid}`);
}

/** Without a watch bootcheck does all of its work, but finds hanging workers later. */
function noWatch({ workers }: Examination['config']): Findings {
  const beating = workers.filter(({ heartbeat }) => heartbeat !== undefined);
  if (beating.length === 0) return fine('watch', 'none is running, and nothing needs one');
  return warning('watch', 'none is running', [
    `heartbeats of ${beating.map(({ name }) => name).join(', ')} are checked only by bootcheck, which has to see a silence twice`,
    'run workerctl watch, or accept that a hanging worker is killed some minutes late',
  ]);
}

type TriggerState =
  | { readonly kind: 'none' | 'unheard' | 'heard' }
  | { readonly kind: 'strange'; readonly found: string };

/** Opens the trigger for writing, without a byte, which does not wake the watch. */
function triggerState(path: string): TriggerState {
  const stats = linkStatsOf(path);
  if (stats === undefined) return { kind: 'none' };
  if (!stats.isFIFO())
    return { kind: 'strange', found: 'expected a FIFO, found another kind of file' };
  if (stats.uid !== process.geteuid?.())
    return {
      kind: 'strange',
      found: `expected a FIFO of this user, found one of user ${stats.uid}`,
    };
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
    return { kind: 'heard' };
  } catch (error) {
    if (errnoOf(error) === 'ENXIO') return { kind: 'unheard' };
    return { kind: 'strange', found: `cannot be written to (${String(errnoOf(error))})` };
  }
}

/** How long dropped messages are reported, in ms. */
const remembered = 86_400_000;

/** Messages of workers that were lost lately. */
function droppedFindings(stateDir: string): Findings {
  const dropped = readDropped(stateDir);
  if (dropped === undefined || now() - dropped.at > remembered) return [];
  const last = formatDayAndTime(dropped.at, now());
  return warning('sd_notify', `messages of workers were dropped: ${dropped.count}, last ${last}`, [
    'they were longer than 4096 bytes, or their sender had exited before it could be identified: a READY=1 or a sign of life may be among them',
    'send from the worker itself, or let the program that sends (systemd-notify --ready) live a moment longer',
  ]);
}

/** What receives the sd_notify(3) messages of workers, and whether workers that need this have it. */
export const notifyFindings = async (examination: Examination): Promise<Findings> => [
  ...listed(await listenerFindings(examination)),
  ...listed(droppedFindings(examination.config.stateDir)),
];

async function listenerFindings({ config, env, watch }: Examination): Promise<Findings> {
  const about = 'sd_notify';
  const needy = config.workers.filter(({ ready }) => ready.kind === 'notify');
  const names = needy.map(({ name }) => name).join(', ');
  const helper = orElse(
    () => describeNotify(env),
    ({ message }) =>
      problem(about, message, [
        'watch and every start fail with this error',
        'unset WORKERCTL_NOTIFY, or set it to perl, python3 or none',
      ]),
  );
  if ('level' in helper) return helper;
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
