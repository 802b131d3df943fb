import { defineCommand } from '../cli/command.ts';
import { flag, usageError } from '../cli/options.ts';
import { print } from '../cli/print.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { shownEnvironment, sourceable } from '../core/views/shell-environment.ts';
import { printed } from '../output/json/answer.ts';
import { envAnswer } from '../output/json/answers.ts';
import { steadOf } from './stead.ts';

/** `workerctl env`. */
export const command = defineCommand({
  summary: 'Print the environment of an instance, for sh to read.',
  operands: '[WORKER[.ID]]',
  description: `
It is what a start would give the instance now, without what only the worker itself may have:
WORKERCTL_ variables, NOTIFY_SOCKET, heartbeat file. Of a worker the first instance is meant; the only worker of
the config may be left out. Values that look secret are hidden, as
in workerctl check: such a variable is not set.`,
  options: { showSecrets: flag('also print values that look secret') },
  examples: [
    ['workerctl env mail.1'],
    ['eval "$(workerctl env mail.1 --show-secrets)"', 'set the variables in this shell'],
  ],
  exitCodes: {
    done: '',
    failed: 'an env file cannot be read',
    usage: '',
    config: 'the config is missing, wrong or not trusted, or is for root',
  },
  run: async ({ targets: [named, ...others], global, showSecrets }) => {
    if (others.length > 0) throw usageError('env', 'env: expected one instance, found several');
    const { launch, environment } = await steadOf(global, 'env', named);
    const shown = shownEnvironment(environment, showSecrets);
    print(
      global.json
        ? printed(envAnswer, { instance: launch.instance, ...shown })
        : `# ${launch.instance}\n${sourceable(shown)}`,
    );
    return exitCodes.done.code;
  },
});
