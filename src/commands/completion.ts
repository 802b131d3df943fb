import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from '../cli/command.ts';
import { usageError } from '../cli/options.ts';
import { print } from '../cli/print.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** `workerctl completion`. */
export const command = defineCommand({
  summary: 'Print what lets bash, zsh or fish complete commands, options and the names of workers.',
  operands: shells.join('|'),
  description: `
The script asks workerctl at each Tab. The config is only read, also if it is not trusted.`,
  options: {},
  examples: [
    ['eval "$(workerctl completion bash)"', 'in ~/.bashrc'],
    ['eval "$(workerctl completion zsh)"', 'in ~/.zshrc, after compinit'],
    ['workerctl completion fish | source', 'in ~/.config/fish/config.fish'],
  ],
  exitCodes: { done: '', usage: '' },
  refusesJson: true,
  run: ({ targets: [named, ...others] }) => {
    const shell = shells.find((one) => one === named);
    if (shell === undefined || others.length > 0)
      throw usageError('completion', `completion: expected ${shells.join(', ')}`);
    print(readFileSync(join(__dirname, `workerctl.${shell}`), 'utf8'));
    return Promise.resolve(exitCodes.done.code);
  },
});
