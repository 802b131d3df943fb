import type { Argv } from 'yargs';
import { WorkerctlError } from '../core/basics/error.ts';
import { formatTable } from '../output/table.ts';

/** The options of all commands. */
export interface GlobalOptions {
  readonly config: string | undefined;
  readonly json: boolean;
  /** Where the command was called; undefined when that folder was removed. */
  readonly directory: string | undefined;
}

/** Who calls, and from where. */
export interface Caller {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string | undefined;
}

/** One command: what its help says and what it does. */
export interface Verb {
  readonly summary: string;
  /** What stands behind the command's name in its usage line. */
  readonly operands: string;
  /** Exit codes and examples, below the options. */
  readonly epilogue: string;
  readonly options: (parser: Argv) => Argv;
  readonly run: (options: RawOptions) => Promise<number>;
}

/** Options and operands as yargs has them. */
export type RawOptions = Readonly<Record<string, unknown>> & {
  readonly targets: readonly string[];
  readonly global: GlobalOptions;
};

export type Invocation =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'run'; readonly verb: Verb; readonly options: RawOptions };

/** Replaced by the bundler with the version in package.json. */
declare global {
  const VERSION: string;
}

/**
 * What the command line asks for. Only the one command is described to yargs: it renders the help of all that it knows.
 * @throws WorkerctlError `usage`
 */
export async function parseInvocation(
  words: readonly string[],
  verbs: Readonly<Record<string, Verb>>,
  caller: Caller,
): Promise<Invocation> {
  const argv = withDetachedConfig(words);
  const [name, rest] = splitVerb(argv);
  if (name === undefined || name === 'help')
    return withoutVerb(name === 'help' ? [...rest, '--help'] : argv, verbs, caller);
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) throw await unknownVerb(name, verbs);
  return parseVerb(name, verb, rest, caller);
}

/** Whether the caller reads JSON: known before the rest is understood, so that errors are JSON too. */
export const wantsJson = (argv: readonly string[], env: NodeJS.ProcessEnv): boolean =>
  optionsIn(argv).some((word) => word === '--json' || word === '--json=true') ||
  isSet(env['WORKERCTL_JSON']);

/** What stands behind `--` are targets, whatever they look like. */
function optionsIn(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

const isSet = (value: string | undefined): boolean =>
  value !== undefined && !['', '0', 'false', 'no'].includes(value);

/** `-cFILE` as `-c FILE`: yargs takes letters that are joined for options of their own. */
function withDetachedConfig(argv: readonly string[]): readonly string[] {
  const options = optionsIn(argv);
  return [
    ...options.flatMap((word) => (/^-c[^=]/.test(word) ? ['-c', word.slice(2)] : [word])),
    ...argv.slice(options.length),
  ];
}

const valueOptions = new Set(['--config', '-c']);

/** The first word that is neither an option nor the value of one, and the others. */
function splitVerb(argv: readonly string[]): [string | undefined, string[]] {
  const index = argv.findIndex(
    (word, at) => !word.startsWith('-') && !valueOptions.has(argv[at - 1] ?? ''),
  );
  if (index === -1) return [undefined, [...argv]];
  return [argv[index], argv.filter((_, at) => at !== index)];
}

async function withoutVerb(
  argv: readonly string[],
  verbs: Readonly<Record<string, Verb>>,
  caller: Caller,
): Promise<Invocation> {
  const [about] = splitVerb(argv);
  if (about !== undefined) return parseInvocation([about, '--help'], verbs, caller);
  if (argv.includes('--version')) return { kind: 'text', text: `${VERSION}\n` };
  if (argv.length === 0 || argv.includes('--help') || argv.includes('-h'))
    return { kind: 'text', text: overview(verbs) };
  throw new WorkerctlError('usage', `expected a command, found only ${argv.join(' ')}`, {
    hint: 'see workerctl --help',
  });
}

function overview(verbs: Readonly<Record<string, Verb>>): string {
  const rows = Object.entries(verbs).map(([name, { summary }]) => [`  ${name}`, summary]);
  return `workerctl ${VERSION}: deploys background workers without killing a running job

Usage: workerctl COMMAND [TARGET...] [OPTION...]

Commands:
${formatTable(rows)}
A TARGET is a worker (mail), an instance (mail.1) or a glob ('mail.*'); none means all.

Options of all commands:
  -c, --config FILE  the config (or $WORKERCTL_CONFIG); else workerctl.yaml here or above, else /etc/workerctl.yaml
      --json         JSON alone on standard output (or WORKERCTL_JSON=1)
  -h, --help         help; workerctl COMMAND --help tells of one command
      --version      the version

Exit codes: 0 goal reached, 1 failed, 2 usage, 3 status: fewer ready than wanted, 73 state directory,
75 another pass at work, 78 config, 124 wait is over, 128+n signal n
`;
}

async function unknownVerb(
  name: string,
  verbs: Readonly<Record<string, Verb>>,
): Promise<WorkerctlError> {
  const { closest } = await import('fastest-levenshtein');
  const nearest = closest(name, Object.keys(verbs));
  return new WorkerctlError(
    'usage',
    `expected a command, found ${JSON.stringify(name)}; did you mean ${nearest}?`,
    {
      hint: 'see workerctl --help',
    },
  );
}

/**
 * Words that are targets, `--config FILE` or `--json`, as cron and most people write them: read without yargs, which takes
 * longer to load than all the rest. Undefined for anything else, so that yargs decides on it.
 */
function plainWords(
  words: readonly string[],
): { targets: string[]; config: string | undefined; json: boolean } | undefined {
  const targets: string[] = [];
  let config: string | undefined;
  let json = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const value = words[at + 1];
    if (word === '--json') json = true;
    else if (!word.startsWith('-')) targets.push(word);
    else if (
      valueOptions.has(word) &&
      config === undefined &&
      value !== undefined &&
      !value.startsWith('-')
    ) {
      config = value;
      at += 1;
    } else return undefined;
  }
  return { targets, config, json };
}

async function parseVerb(
  name: string,
  verb: Verb,
  words: readonly string[],
  caller: Caller,
): Promise<Invocation> {
  const { env, directory } = caller;
  const plain = plainWords(words);
  if (plain !== undefined) {
    const { targets, config, json } = plain;
    return {
      kind: 'run',
      verb,
      options: {
        targets,
        global: { config, json: json || isSet(env['WORKERCTL_JSON']), directory },
      },
    };
  }
  const { default: yargs } = await import('yargs');
  let text = '';
  const described = verb.options(yargs([], '/'));
  const parser = described
    .scriptName(`workerctl ${name}`)
    .usage(`workerctl ${name} ${verb.operands}\n\n${verb.summary}`)
    .option('config', {
      alias: 'c',
      type: 'string',
      requiresArg: true,
      describe: 'the config file',
    })
    .option('json', { type: 'boolean', describe: 'JSON alone on standard output' })
    .option('help', { alias: 'h', type: 'boolean', describe: 'this help' })
    .epilogue(verb.epilogue)
    .version(false)
    .detectLocale(false)
    .wrap(null)
    .parserConfiguration({
      'camel-case-expansion': true,
      'duplicate-arguments-array': false,
      'parse-positional-numbers': false,
    })
    .strictOptions()
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw new WorkerctlError('usage', explain(message ?? error?.message ?? 'wrong usage', name), {
        hint: `see workerctl ${name} --help`,
      });
    });
  const parsed = await parser.parse(
    [...words],
    {},
    (_error: unknown, _argv: unknown, output: string) => {
      text = output;
    },
  );
  if (text !== '') return { kind: 'text', text: `${text}\n` };
  return {
    kind: 'run',
    verb,
    options: {
      ...parsed,
      targets: parsed._.map(String),
      global: {
        config: parsed.config,
        json: parsed.json ?? isSet(env['WORKERCTL_JSON']),
        directory,
      },
    },
  };
}

/** yargs' words for an unknown option, as ours. */
function explain(message: string, name: string): string {
  const unknown = /^Unknown arguments?: (.*)$/.exec(message)?.[1]?.split(', ');
  if (unknown === undefined) return message;
  const found = unknown
    .map((option) => (option.length === 1 ? `-${option}` : `--${option}`))
    .join(', ');
  return `expected an option of workerctl ${name}, found ${found}`;
}
