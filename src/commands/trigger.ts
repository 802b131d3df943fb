import { defineCommand } from '../cli/command.ts';
import { configToPlan } from '../cli/config.ts';
import { print, printError } from '../cli/print.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { pullTrigger } from '../host/sockets/trigger.ts';
import { checkStateDirectory } from '../host/state/state-directory.ts';
import { printed } from '../output/json/answer.ts';
import { triggerAnswer } from '../output/json/answers.ts';

export const command = defineCommand({
  summary: 'Wake workerctl watch, so that it acts now.',
  operands: '',
  options: {},
  examples: [['workerctl trigger', 'or write a byte to the FIFO trigger in the state directory']],
  exitCodes: {
    done: 'woken',
    noWatch: 'no watch is running',
    state:
      'the state directory belongs to another user, or something else is in the place of the trigger',
  },
  run: async ({ global }) => {
    const { stateDir } = await configToPlan(global);
    checkStateDirectory(stateDir);
    const isWoken = pullTrigger(stateDir);
    if (global.json) print(printed(triggerAnswer, isWoken));
    if (isWoken) return exitCodes.done.code;
    printError('workerctl: no watch is running for this config; workerctl watch starts one\n');
    return exitCodes.noWatch.code;
  },
});
