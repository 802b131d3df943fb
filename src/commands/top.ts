import { targetOptions } from '../cli/chosen-targets.ts';
import { defineCommand } from '../cli/command.ts';
import { sortOption } from './status/sort-option.ts';

/** `workerctl top`. */
export const command = defineCommand({
  summary:
    'Show what each instance is doing, live: its CPU now, its job, its latest events and log lines.',
  operands: '[TARGET...]',
  description: `
Keys: up and down (or k and j), Page Up and Page Down, Home and End select an instance; Enter shows its
details, latest events and log lines; s and S sort by the next or the last column; / filters by any text
in a row, Esc removes the filter; q quits.

It needs a terminal, changes nothing and looks once a second, less often if a look is expensive. CPU is what
the process takes now: 100% is one CPU.`,
  options: { sort: sortOption, state: { ...targetOptions.state } },
  examples: [['workerctl top'], ['workerctl top --sort cpu mail', 'the busiest of mail first']],
  exitCodes: { done: '', interrupted: '' },
  refusesJson: true,
  run: async ({ targets, global, sort, state }) => {
    const { showTop } = await import('./top/show.ts');
    return showTop({ targets, global, sort, state });
  },
});
