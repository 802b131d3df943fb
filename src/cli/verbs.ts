import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { bootcheck } from '../commands/bootcheck.ts';
import { status } from '../commands/status.ts';
import { WorkerctlError } from '../core/error.ts';
import { isShort } from '../core/status.ts';
import { formatInit, formatStatus } from '../output/human.ts';
import { checkJson, initJson, statusJson } from '../output/json.ts';
import { colours, configFor, configPath, runAct } from './invocation.ts';
import { print, printError, terminalColumns } from './print.ts';
import type { RawOptions, Verb } from './parse.ts';

const dryRun = (parser: Argv): Argv =>
  parser.option('dry-run', {
    type: 'boolean',
    describe: 'say what would be done, and why; do nothing',
  });

const waiting =
  (what: string) =>
  (parser: Argv): Argv =>
    dryRun(parser).option('wait', {
      describe: `wait at most so long (90s, 15m, 2h) ${what}; --no-wait: not at all`,
    });

const waitCodes =
  '124 the wait is over and some still drain, 75 another pass is at work, 130 interrupted; nothing is lost then';

/** Fewer ready than wanted. */
const shortCode = 3;

async function runStatus({ global, targets }: RawOptions): Promise<number> {
  const found = await status(
    { config: configFor(global), hostName: hostname(), ignoresPidfiles: true },
    { targets },
  );
  print(global.json ? statusJson(found) : formatStatus(found, await colours(), terminalColumns()));
  return isShort(found) ? shortCode : 0;
}

function refuseTargets(command: string, targets: readonly string[]): void {
  if (targets.length === 0) return;
  throw new WorkerctlError('usage', `${command}: expected no targets, found ${targets.join(' ')}`);
}

async function runInit({ global, force }: RawOptions): Promise<number> {
  const { init } = await import('../commands/init.ts');
  const { directory } = global;
  if (directory === undefined) {
    throw new WorkerctlError('failed', 'init: the working directory was removed', {
      hint: 'cd to a folder that is there',
    });
  }
  const outcome = init({ directory, force: force === true });
  print(global.json ? initJson(outcome) : formatInit(outcome));
  return 0;
}

async function runCheck({ global, targets }: RawOptions): Promise<number> {
  refuseTargets('check', targets);
  const [{ check }, { effectiveConfig, formatEffective }] = await Promise.all([
    import('../commands/check.ts'),
    import('../config/effective.ts'),
  ]);
  const { config, warnings } = check({ path: configPath(global) });
  for (const warning of warnings) printError(`workerctl: ${warning}\n`);
  print(
    global.json
      ? checkJson(config.path, effectiveConfig(config), warnings)
      : `# ${config.path}\n${formatEffective(config)}`,
  );
  return 0;
}

async function runDemo({ targets }: RawOptions): Promise<number> {
  refuseTargets('demo', targets);
  const { demo } = await import('../commands/demo.ts');
  const { held, signal } = await demo({
    workerctl: [process.execPath, join(__dirname, '..', 'bin', 'workerctl')],
    print,
    colours: (await colours()).level > 0,
  });
  if (signal !== undefined) return 128 + signal;
  return held ? 0 : 1;
}

/** All commands, in the order of the overview. */
export const verbs: Readonly<Record<string, Verb>> = {
  status: {
    summary: 'Show what each instance is doing.',
    operands: '[TARGET...]',
    epilogue: 'Exit codes: 0 all that is wanted is ready, 3 fewer are ready than wanted',
    options: (parser) => parser,
    run: runStatus,
  },
  start: {
    summary:
      'Start instances, also those that were stopped on purpose, and wait until each is ready.',
    operands: '[TARGET...]',
    epilogue: `What runs already is success. What still drains is refused.\nExit codes: 0 all run and are ready, 1 one could not be started, died meanwhile or still drains,\n${waitCodes}`,
    options: waiting('until all are ready'),
    run: async (options) => runAct('start', (await import('../commands/start.ts')).start, options),
  },
  stop: {
    summary:
      'Ask instances to finish their job and leave, wait until they have left, and keep them down.',
    operands: '[TARGET...]',
    epilogue: `Nobody is killed. bootcheck leaves a stopped instance alone until it is started again.\nExit codes: 0 all are down, 1 one could not be asked,\n${waitCodes}`,
    options: waiting('until all have left; without it, without limit'),
    run: async (options) => runAct('stop', (await import('../commands/stop.ts')).stop, options),
  },
  restart: {
    summary: 'Replace each instance as soon as it has finished its job; nobody is killed.',
    operands: '[TARGET...]',
    epilogue: `The wait has no limit unless --wait sets one. Whatever ends it, the next bootcheck carries the restart on.\nExit codes: 0 all are replaced and ready, 1 a replacement failed,\n${waitCodes}`,
    options: (parser) =>
      waiting('until all are replaced and ready')(parser).option('graceful', {
        type: 'boolean',
        describe: 'let each finish its job first (always so)',
      }),
    run: async (options) => {
      if (options['graceful'] === false) {
        throw new WorkerctlError('usage', 'there is no restart that is not graceful', {
          hint: 'kill a process by hand if you must; the next bootcheck replaces it',
        });
      }
      return runAct('restart', (await import('../commands/restart.ts')).restart, options);
    },
  },
  bootcheck: {
    summary:
      'One pass, for cron: start what is missing, carry on an unfinished restart; silent when all is well.',
    operands: '',
    epilogue:
      'It waits for nobody.\nExit codes: 0 done or nothing to do, 1 one could not be started, 75 another pass is at work',
    options: (parser) =>
      dryRun(parser).option('verbose', {
        alias: 'v',
        type: 'boolean',
        describe: 'speak also when there was nothing to do',
      }),
    run: async (options) => {
      refuseTargets('bootcheck', options.targets);
      const events: unknown[] = [];
      const code = await runAct(
        'bootcheck',
        async (context, acting) => {
          const outcome = await bootcheck(context, acting);
          if (outcome.kind === 'acted') events.push(...outcome.events);
          return outcome;
        },
        options,
      );
      const isSilent = events.length === 0 && options['dryRun'] !== true && !options.global.json;
      if (options['verbose'] === true && isSilent) print('nothing to do\n');
      return code;
    },
  },
  init: {
    summary:
      'Write a workerctl.yaml to start from; knows Procfile, delayed_job, sidekiq and celery projects.',
    operands: '',
    epilogue: 'Exit codes: 0 written, 1 there is one already',
    options: (parser) =>
      parser.option('force', { type: 'boolean', describe: 'write over an existing one' }),
    run: runInit,
  },
  check: {
    summary: 'Validate the config and print it with every default; warn of what this host lacks.',
    operands: '',
    epilogue: 'Exit codes: 0 valid, 78 not; warnings go to standard error',
    options: (parser) => parser,
    run: runCheck,
  },
  demo: {
    summary:
      'Show the story of a deploy in a temporary folder, with real processes; takes 20 seconds.',
    operands: '',
    epilogue: 'Exit codes: 0 all that it claims held, 1 something did not',
    options: (parser) => parser,
    run: runDemo,
  },
};
