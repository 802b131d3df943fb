import { basename } from 'node:path';
import { isatty } from 'node:tty';
import { defineCommand } from '../cli/command.ts';
import { usageError } from '../cli/options.ts';
import { runInForeground } from '../host/process/foreground.ts';
import { consoleProblem, consoleProgram } from '../host/worker/in-place.ts';
import { steadOf, withTerminal } from './stead.ts';

/** `workerctl shell`. */
export const command = defineCommand({
  summary: 'Open a shell in the place of an instance, as workerctl exec runs a command.',
  operands: '[WORKER[.ID]]',
  description: `
Of a worker the first instance is meant; the only worker of the config may be left out. The shell is the one that SHELL names in the config, else bash if there is one, else sh. It
reads no startup files, which would change the environment.`,
  options: {},
  examples: [['workerctl shell mail.1'], ["echo 'ulimit -n' | workerctl shell mail"]],
  exitCodes: {
    done: 'the shell ended with 0',
    usage: '',
    config: 'the config is missing, wrong or not trusted, or is for root',
    notRun: 'there is no such shell',
  },
  afterExitCodes: 'Otherwise the exit code is that of the shell.',
  refusesJson: true,
  run: async ({ targets: [named, ...others], global }) => {
    if (others.length > 0) throw usageError('shell', 'shell: expected one instance, found several');
    const { launch, environment, enter } = await steadOf(global, 'shell', named);
    const place = await enter();
    const has = (program: string): boolean =>
      consoleProblem(launch, place, environment, program) === undefined;
    const words = shellWords(environment['SHELL'] ?? plain, launch.instance, has);
    return runInForeground(consoleProgram(launch, place, withTerminal(environment), words));
  },
});

/** The SHELL of a worker whose config sets none. */
const plain = '/bin/sh';

/** How each shell is told to read no startup files, and its prompt. */
const shells: Readonly<Record<string, { readonly options: string[]; readonly prompt: string }>> = {
  bash: { options: ['--noprofile', '--norc'], prompt: '\\u:\\w\\$ ' },
  zsh: { options: ['-f'], prompt: '%n:%~%# ' },
  fish: { options: ['--no-config'], prompt: '' },
};

function shellWords(
  configured: string,
  instance: string,
  has: (program: string) => boolean,
): [string, ...string[]] {
  const shell = configured === plain && has('bash') ? 'bash' : configured;
  const { options, prompt } = shells[basename(shell)] ?? { options: [], prompt: '$ ' };
  const words: [string, ...string[]] = [shell, ...options];
  // Only an interactive shell has use for it, and bash as sh would drop it on the way.
  return isatty(0) && prompt !== ''
    ? ['/usr/bin/env', `PS1=[${instance}] ${prompt}`, ...words]
    : words;
}
