import { join } from 'node:path';
import { defineCommand } from '../cli/command.ts';
import { printPainted } from '../cli/print.ts';
import { colours } from '../cli/colours.ts';
import { exitCodeOfSignal, exitCodes } from '../core/basics/exit-codes.ts';

export const command = defineCommand({
  summary: 'Play a deploy, a crash and a race in a temporary directory, with real processes.',
  operands: '',
  description: `
It takes about 20 seconds, needs no config, checks each of its claims in /proc, and removes the
directory and all processes at the end.`,
  options: {},
  examples: [['workerctl demo']],
  exitCodes: { done: 'all claims held', failed: 'one did not', interrupted: '' },
  refusesJson: true,
  run: async () => {
    const { demo } = await import('./demo/demo.ts');
    const { held, signal } = await demo({
      workerctl: [process.execPath, join(__dirname, '..', 'bin', 'workerctl')],
      print: printPainted,
      colours: await colours(),
    });
    if (signal !== undefined) return exitCodeOfSignal(signal);
    return exitCodes[held ? 'done' : 'failed'].code;
  },
});
