import { defineCommand } from '../cli/command.ts';
import { usageError, value } from '../cli/options.ts';
import { runInForeground } from '../host/process/foreground.ts';
import { consoleProgram } from '../host/worker/in-place.ts';
import { steadOf, withTerminal } from './stead.ts';

/** `workerctl exec`. */
export const command = defineCommand({
  summary: 'Run a command in the place of a worker: its environment, directory, limits and user.',
  operands: '-- COMMAND [WORD...]',
  takesCommand: true,
  description: `
The command has the terminal, and is started as a worker is: with the worker's variables and env files,
in its directory, with its umask, limits, priorities, user and groups. It is no worker: it has no
WORKERCTL_ variables, NOTIFY_SOCKET or heartbeat file, and nothing stops or counts it. Of the caller it
has TERM, if it has a terminal. For specifiers such as %i it is the first instance of the worker, or the
one that -w names.`,
  options: {
    worker: value(
      'WORKER[.ID]',
      'the worker or instance (default: the only one of the config)',
      (text) => text,
      'w',
    ),
  },
  examples: [
    ['workerctl exec -- bin/rails console'],
    ['workerctl exec -w mail.2 -- env', 'what mail.2 gets'],
  ],
  exitCodes: {
    done: 'the command ended with 0',
    usage: '',
    config: 'the config is missing, wrong or not trusted, or is for root',
    notRun: 'there is no such program, or it cannot be run',
  },
  afterExitCodes: 'Otherwise the exit code is that of the command: 128+n if signal n ended it.',
  refusesJson: true,
  run: async ({ targets: [program, ...words], global, worker }) => {
    if (program === undefined)
      throw usageError('exec', 'exec: expected a command behind --, found none');
    const { launch, environment, enter } = await steadOf(global, 'exec', worker);
    const place = await enter();
    const run = consoleProgram(launch, place, withTerminal(environment), [program, ...words]);
    return runInForeground(run);
  },
});
