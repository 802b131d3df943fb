import { closeSync, constants, openSync } from 'node:fs';
import { fine, problem, warning, type Finding } from '../../core/views/finding.ts';
import { errnoOf } from '../../host/files/errno.ts';
import { triggerPath } from '../../host/sockets/trigger.ts';
import type { Examination } from './examination.ts';
import { statsOf } from '../../engine/watch/find-watch.ts';

/** Whether a watch runs on this state directory, and whether what wakes it is sane. */
export function residentFindings({ config, watch }: Examination): Finding[] {
  const { stateDir } = config;
  const trigger = triggerState(triggerPath(stateDir));
  if (trigger.kind === 'strange') {
    return [
      problem(`trigger ${triggerPath(stateDir)}`, trigger.found, [
        'workerctl watch does not start (exit code 73)',
        'remove it; workerctl watch makes a new one',
      ]),
    ];
  }
  const isHeard = trigger.kind === 'heard';
  if (watch === undefined && !isHeard) return [nobody(config)];
  const about = 'watch';
  if (watch?.activity === 'stopped') {
    return [
      problem(about, `pid ${watch.pid} is stopped (SIGSTOP)`, [
        'it holds the lock of the watch, and does nothing',
        `kill -CONT ${watch.pid}`,
      ]),
    ];
  }
  if (watch !== undefined && !isHeard) {
    return [
      warning(about, `pid ${watch.pid} runs, but nobody reads the trigger`, [
        'workerctl trigger does not wake it; it looks once a minute only',
        'if it has not begun just now, end it and start it again',
      ]),
    ];
  }
  return [fine(about, watch === undefined ? 'somebody reads the trigger' : `pid ${watch.pid}`)];
}

/** Without one, bootcheck does all; what that means for some workers is to be known. */
function nobody({ workers }: Examination['config']): Finding {
  const beating = workers.filter(({ heartbeat }) => heartbeat !== undefined);
  if (beating.length === 0) return fine('watch', 'none runs; bootcheck does its work');
  return warning('watch', 'none runs', [
    `signs of life of ${beating.map(({ name }) => name).join(', ')} are looked for only when bootcheck runs, and it needs two looks`,
    'run workerctl watch, or know that a hanging worker is killed some minutes late',
  ]);
}

type TriggerState =
  | { readonly kind: 'none' | 'unheard' | 'heard' }
  | { readonly kind: 'strange'; readonly found: string };

/** Opened for writing, without a byte: that wakes nobody. */
function triggerState(path: string): TriggerState {
  const stats = statsOf(path);
  if (stats === undefined) return { kind: 'none' };
  if (!stats.isFIFO())
    return { kind: 'strange', found: 'expected a FIFO, found another kind of file' };
  if (stats.uid !== process.geteuid?.())
    return { kind: 'strange', found: `expected a FIFO of ours, found that of user ${stats.uid}` };
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
    return { kind: 'heard' };
  } catch (error) {
    if (errnoOf(error) === 'ENXIO') return { kind: 'unheard' };
    return { kind: 'strange', found: `it cannot be written to (${String(errnoOf(error))})` };
  }
}
