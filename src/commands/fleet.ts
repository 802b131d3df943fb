import { defineCommand } from '../cli/command.ts';
import { value } from '../cli/options.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { openFleet } from './fleet/open.ts';

const globs = (text: string): string[] => text.split(',').map((glob) => glob.trim());

const verbs = ['status'] as const;

/** `workerctl fleet`. */
export const command = defineCommand({
  summary: 'Run a command on the hosts of fleet.yaml, over the OpenSSH of the system.',
  operands: 'COMMAND [TARGET...]',
  description: `
Each host runs its own workerctl. COMMAND is status. The file is --config, $WORKERCTL_FLEET, or fleet.yaml in this
directory or above it.`,
  options: {
    host: value('GLOB,...', 'only these hosts, or the hosts of these groups', globs),
  },
  examples: [['workerctl fleet status']],
  exitCodes: {
    done: 'on every host',
    failed: '',
    notReady: 'on some hosts fewer instances are ready than wanted',
    unknown: '',
    interrupted: '',
  },
  run: async ({ targets: [word, ...targets], global, host }) => {
    const verb = verbs.find((one) => one === word);
    if (verb === undefined)
      throw new WorkerctlError(
        'usage',
        `fleet: expected ${verbs.join(', ')}, found ${word === undefined ? 'nothing' : JSON.stringify(word)}`,
        { hint: 'see workerctl fleet --help' },
      );
    const open = openFleet(global, host ?? []);
    try {
      const { fleetStatus } = await import('./fleet/status.ts');
      return await fleetStatus(open, targets, global);
    } finally {
      open.interrupt.dispose();
    }
  },
});
