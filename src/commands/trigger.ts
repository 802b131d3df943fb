import { defineCommand } from '../cli/command.ts';
import { configToPlan } from '../cli/config.ts';
import { print, printError } from '../cli/print.ts';
import { flag } from '../cli/options.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { findWatch } from '../engine/watch/find-watch.ts';
import { pullTrigger } from '../host/sockets/pull-trigger.ts';
import { checkStateDirectory } from '../host/state/state-directory.ts';
import { printed } from '../output/json/answer.ts';
import { triggerAnswer } from '../output/json/answers.ts';

export const command = defineCommand({
  summary: 'Wake workerctl watch, so that it acts now.',
  operands: '',
  options: {
    reload: flag('let it read the config again; fails if the watch cannot use it'),
  },
  examples: [['workerctl trigger', 'or write a byte to the FIFO trigger in the state directory']],
  exitCodes: {
    done: 'woken',
    noWatch: 'no watch is running',
    state:
      'the state directory belongs to another user, or something else is in the place of the trigger',
  },
  run: async ({ global, reload }) => {
    const { stateDir } = await configToPlan(global);
    checkStateDirectory(stateDir);
    const isWoken = reload ? askToReload(stateDir) : pullTrigger(stateDir);
    if (global.json) print(printed(triggerAnswer, isWoken));
    if (isWoken) return exitCodes.done.code;
    printError(`workerctl: ${reload ? noneToReload(stateDir) : none}\n`);
    return exitCodes.noWatch.code;
  },
});

const none = 'no watch is running for this config; workerctl watch starts one';

/** The config in force may name another directory: the watch that has read it is there, and stays there. */
const noneToReload = (stateDir: string): string =>
  `no watch is running on ${stateDir}; a running watch cannot change its state_dir: restart it`;

/** The watch reads the config as this command has read it. @returns false if there is none on this state directory */
function askToReload(stateDir: string): boolean {
  const found = findWatch(stateDir);
  if (found !== undefined) process.kill(found.pid, 'SIGHUP');
  return found !== undefined;
}
