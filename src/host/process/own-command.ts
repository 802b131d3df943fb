import { shellWord } from '../../core/basics/shell-word.ts';

/** The words of a command line that name the config: with the next word, or with a value of their own. */
const namesConfig = /^(?:-c|--config|--trust-config)$/;
const holdsConfig = /^(?:-c.+|--(?:trust-)?config=.*)$/;

/** This very command line for a shell, as another user has to type it: the environment of that user names no config. */
export function ownCommand(
  argv: readonly string[] = process.argv.slice(2),
  { WORKERCTL_CONFIG: named = '' }: NodeJS.ProcessEnv = process.env,
): string {
  const { options } = split(argv);
  const isNamed = options.some((word) => namesConfig.test(word) || holdsConfig.test(word));
  return lineOf(argv, isNamed || named === '' ? [] : ['--config', named], () => true);
}

/** This very command line for a shell, with other words for its config. */
export const ownCommandWith = (
  config: readonly string[],
  argv: readonly string[] = process.argv.slice(2),
): string =>
  lineOf(
    argv,
    config,
    (word, before) =>
      !namesConfig.test(word) && !holdsConfig.test(word) && !namesConfig.test(before),
  );

/** Words behind `--` are targets. */
function split(argv: readonly string[]): Record<'options' | 'targets', readonly string[]> {
  const end = argv.indexOf('--');
  if (end === -1) return { options: argv, targets: [] };
  return { options: argv.slice(0, end), targets: argv.slice(end) };
}

function lineOf(
  argv: readonly string[],
  config: readonly string[],
  isKept: (word: string, before: string) => boolean,
): string {
  const { options, targets } = split(argv);
  const kept = options.filter((word, at) => isKept(word, options[at - 1] ?? ''));
  return ['workerctl', ...kept, ...config, ...targets].map(shellWord).join(' ');
}
