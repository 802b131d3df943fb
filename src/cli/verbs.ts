import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { bootcheck } from '../commands/bootcheck.ts';
import { status } from '../commands/status.ts';
import { releaseFinder } from '../engine/observe/releases.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Event } from '../core/events/event.ts';
import { lookup } from '../core/basics/lookup.ts';
import { isShort, type Status } from '../core/views/status.ts';
import { now } from '../host/process/clock.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { formatInit, isTold } from '../output/text.ts';
import { formatStatus } from '../output/status-table.ts';
import { formatJobs } from '../output/jobs.ts';
import { checkJson, initJson, statusJson, triggerJson, wantJson } from '../output/json.ts';
import { configFor, configPath } from './config.ts';
import {
  actOptions,
  durationIn,
  intentFor,
  limitOptions,
  rolloutOptions,
  runAct,
} from './run-command.ts';
import type { RawOptions, Verb } from './parse.ts';
import { print, printError, terminalSize } from './print.ts';
import { colours } from './screen.ts';

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

const limited = (parser: Argv): Argv =>
  parser
    .option('kill-after', {
      describe: 'kill the whole session of who has not left so long (90s, 15m) after being asked',
    })
    .option('now', { type: 'boolean', describe: 'the same as --kill-after 0s: jobs are lost' });

const waitCodes =
  '124 the wait is over and some still drain, 75 another pass is at work, 130 interrupted; nothing is lost then';

/** Fewer ready than wanted. */
const shortCode = 3;

async function statusFor(
  global: RawOptions['global'],
  targets: readonly string[],
): Promise<Status> {
  const file = await configFor(global);
  const config = withCounts(file, intentFor(file));
  const hostName = hostname();
  const releaseOf = releaseFinder(config, hostName);
  return status({ config, hostName, ignoresPidfiles: true }, { targets, releaseOf });
}

async function runStatus({ global, targets, format }: RawOptions): Promise<number> {
  // Who is not shown would read as gone.
  if (format === 'prometheus') refuseTargets('status --format=prometheus', targets);
  const found = await statusFor(global, targets);
  if (format === 'prometheus') {
    const { formatMetrics } = await import('../output/metrics/prometheus.ts');
    print(formatMetrics(found, { config: configPath(global) }));
    return 0;
  }
  const columns = terminalSize()?.columns;
  const isJson = global.json || format === 'json';
  const only = onlyInstance(found, targets);
  if (only !== undefined) await printInstance(found, global, only, isJson);
  else print(isJson ? statusJson(found) : formatStatus(found, await colours(), columns));
  return isShort(found) ? shortCode : 0;
}

/** The instance that the targets name as such; undefined for a worker, a glob, or several. */
function onlyInstance({ instances }: Status, targets: readonly string[]): string | undefined {
  const [name] = targets;
  const isOne = instances.length > 0 && instances.every((one) => one.name === name);
  return targets.length === 1 && isOne ? name : undefined;
}

/** One instance, and what has happened to it. */
async function printInstance(
  found: Status,
  global: RawOptions['global'],
  name: string,
  isJson: boolean,
): Promise<void> {
  const { formatLatestEvents, latestEvents } = await import('./status-events.ts');
  const events = latestEvents((await configFor(global)).stateDir, name);
  if (isJson) {
    print(statusJson(found, events));
    return;
  }
  const painted = await colours();
  const table = formatStatus(found, painted, terminalSize()?.columns);
  print(table + formatLatestEvents(events, painted));
}

/** Counts go on from the file: it is all the memory that a boot check has. */
async function writeMetrics(
  { global }: RawOptions,
  path: string,
  events: readonly Event[],
  code: number,
): Promise<void> {
  const [
    { formatMetrics },
    { countEvents, factsToCarryOn },
    { readMetricsFile, writeMetricsFile },
  ] = await Promise.all([
    import('../output/metrics/prometheus.ts'),
    import('../output/metrics/facts.ts'),
    import('../host/install/metrics-file.ts'),
  ]);
  const before = factsToCarryOn(readMetricsFile(path));
  const found = await statusFor(global, []);
  const text = formatMetrics(found, {
    ...before,
    config: configPath(global),
    events: countEvents(before.events, events),
    ...(code === 0 && { bootcheckAt: now() }),
  });
  writeMetricsFile(path, text);
}

/** Before anything is done: node_exporter reads no file with another name. */
function refuseOtherMetrics(path: unknown): void {
  if (path === undefined || (typeof path === 'string' && path.endsWith('.prom'))) return;
  throw new WorkerctlError(
    'usage',
    `--metrics: expected a file whose name ends in .prom, found ${JSON.stringify(path)}`,
  );
}

type WishVerb = 'quiet' | 'resume' | 'hold' | 'unhold';

async function runWish(kind: WishVerb, options: RawOptions): Promise<number> {
  const { request } = await import('../commands/wish.ts');
  const { targets, dryRun: isDryRun, for: lasts } = options;
  return runAct(
    kind,
    request(kind),
    {
      targets,
      dryRun: isDryRun === true,
      ...(lasts !== undefined && { lasts: durationIn('--for', lasts) }),
    },
    options,
  );
}

const lasting = (parser: Argv): Argv =>
  dryRun(parser).option('for', { describe: 'only so long (10m, 2h); then it ends by itself' });

/** `want 5 mail`, `want mail`, `want --reset mail`. */
async function runWant(options: RawOptions): Promise<number> {
  const { targets, global, reset, dryRun: isDryRun } = options;
  const [first = '', second] = targets;
  const isSet = second !== undefined && reset !== true;
  if (targets.length > 2 || first === '' || (second !== undefined && reset === true))
    throw new WorkerctlError(
      'usage',
      'usage: workerctl want [COUNT] WORKER, or want --reset WORKER',
    );
  const { want } = await import('../commands/want.ts');
  if (isSet && !/^\d{1,6}$/.test(first))
    throw new WorkerctlError('usage', `want: expected a count, found ${JSON.stringify(first)}`);
  if (!isSet && reset !== true) return showWant(global, first);
  const request = {
    worker: second ?? first,
    count: isSet ? Number(first) : undefined,
    dryRun: isDryRun === true,
  };
  return runAct('want', want, request, options);
}

async function showWant(global: RawOptions['global'], name: string): Promise<number> {
  const config = await configFor(global);
  const desired = intentFor(config);
  const worker = withCounts(config, desired).workers.find((one) => one.name === name);
  if (worker === undefined) {
    const names = config.workers.map((one) => one.name).join(', ');
    throw new WorkerctlError('usage', `Invalid class '${name}'.  Valid classes: ${names}`);
  }
  const { identifiers, configured, maxCount } = worker;
  const want = lookup(desired.counts, name);
  const by = want === undefined ? '' : `, wanted by ${want.by}`;
  print(
    global.json
      ? wantJson(name, identifiers.length, configured.length, maxCount)
      : `${name}: ${identifiers.length}${by}; the config says ${configured.length}, at most ${maxCount}\n`,
  );
  return 0;
}

/** `adopt mail.1 4711`, `adopt mail.1 tmp/pids/mail.pid`. */
async function runAdopt(options: RawOptions): Promise<number> {
  const { targets, global, dryRun: isDryRun } = options;
  const [instance, named] = targets;
  if (instance === undefined || named === undefined || targets.length > 2)
    throw new WorkerctlError('usage', 'usage: workerctl adopt WORKER.ID PID|PIDFILE');
  const { adopt } = await import('../commands/adopt.ts');
  const request = { instance, named, directory: global.directory, dryRun: isDryRun === true };
  return runAct('adopt', adopt, request, options);
}

async function runJobs({ global, targets }: RawOptions): Promise<number> {
  refuseTargets('jobs', targets);
  const found = await statusFor(global, targets);
  print(global.json ? statusJson(found) : formatJobs(found));
  return 0;
}

async function runTrigger({ global, targets }: RawOptions): Promise<number> {
  refuseTargets('trigger', targets);
  const { pullTrigger } = await import('../host/sockets/trigger.ts');
  const isWoken = pullTrigger((await configFor(global)).stateDir);
  if (global.json) print(triggerJson(isWoken));
  if (isWoken) return 0;
  printError('workerctl: no workerctl watch listens here\n');
  return nobodyListens;
}

/** EX_UNAVAILABLE of sysexits.h. */
const nobodyListens = 69;

function refuseTargets(command: string, targets: readonly string[]): void {
  if (targets.length === 0) return;
  throw new WorkerctlError('usage', `${command}: expected no targets, found ${targets.join(' ')}`);
}

async function runInit({ global, force }: RawOptions): Promise<number> {
  const { init } = await import('../commands/init.ts');
  const { directory, config } = global;
  if (directory === undefined) {
    throw new WorkerctlError('failed', 'init: the working directory was removed', {
      hint: 'cd to a folder that is there',
    });
  }
  const outcome = init({ directory, config, force: force === true });
  print(global.json ? initJson(outcome) : formatInit(outcome));
  return 0;
}

async function runCheck({ global, targets }: RawOptions): Promise<number> {
  refuseTargets('check', targets);
  const [{ check }, { effectiveConfig, formatEffective }] = await Promise.all([
    import('../commands/check.ts'),
    import('../config/schema/print.ts'),
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

async function runDoctor({ global, targets }: RawOptions): Promise<number> {
  refuseTargets('doctor', targets);
  const [{ doctor }, { formatReports, reportsJson }, { countOf }] = await Promise.all([
    import('../commands/doctor.ts'),
    import('../output/doctor.ts'),
    import('../core/views/finding.ts'),
  ]);
  const reports = await doctor(await configFor(global), process.env);
  print(
    global.json
      ? reportsJson(reports)
      : formatReports(reports, await colours(), terminalSize()?.columns),
  );
  return countOf(reports, 'problem') === 0 ? 0 : 1;
}

async function runDemo({ targets, global }: RawOptions): Promise<number> {
  refuseTargets('demo', targets);
  if (global.json)
    throw new WorkerctlError('usage', 'demo: expected no --json (or WORKERCTL_JSON), found it', {
      hint: 'it tells a story, for people to read',
    });
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
    options: (parser) =>
      parser.option('format', {
        choices: ['table', 'json', 'prometheus'],
        describe: 'prometheus: metrics in its text format',
      }),
    run: runStatus,
  },
  start: {
    summary:
      'Start instances, also those that were stopped on purpose, and wait until each is ready.',
    operands: '[TARGET...]',
    epilogue: `What runs already is success. What still drains is refused. What waits because its processes die young is\nstarted at once.\nExit codes: 0 all run and are ready, 1 one could not be started, died meanwhile or still drains,\n${waitCodes}`,
    options: waiting('until all are ready'),
    run: async (options) =>
      runAct('start', (await import('../commands/start.ts')).start, actOptions(options), options),
  },
  stop: {
    summary:
      'Ask instances to finish their job and leave, wait until they have left, and keep them down.',
    operands: '[TARGET...]',
    epilogue: `Nobody is killed unless stop.timeout, --kill-after or --now says so. bootcheck leaves a stopped instance\nalone until it is started again.\nExit codes: 0 all are down, 1 one could not be asked,\n${waitCodes}`,
    options: (parser) => limited(waiting('until all have left; without it, without limit')(parser)),
    run: async (options) => {
      const { stop } = await import('../commands/stop.ts');
      return runAct('stop', stop, { ...actOptions(options), ...limitOptions(options) }, options);
    },
  },
  restart: {
    summary: 'Replace each instance as soon as it has finished its job; nobody is killed.',
    operands: '[TARGET...]',
    epilogue: `One replacement must be ready before the others are asked to leave. If it is not, the restart is aborted: the others
run on. The wait has no limit unless --wait sets one. Whatever ends it, the next bootcheck carries the restart on, save
for an aborted one.\nExit codes: 0 all are replaced and ready, 1 a replacement failed or a later restart took over,\n${waitCodes}`,
    options: (parser) =>
      limited(waiting('until all are replaced and ready')(parser))
        .option('graceful', {
          type: 'boolean',
          describe: 'let each finish its job first (always so)',
        })
        .option('batch', {
          type: 'string',
          describe: 'at most so many at once of each worker: 2, 25%',
        })
        .option('canary', {
          type: 'boolean',
          describe: 'replace one of each worker first, or (--no-canary) all at once',
        })
        .option('overlap', {
          type: 'boolean',
          describe: 'start each replacement while the old process still drains',
        })
        .option('outdated', {
          type: 'boolean',
          describe: 'only those that do not run the current release',
        }),
    run: async (options) => {
      if (options['graceful'] === false) {
        throw new WorkerctlError('usage', 'there is no restart that is not graceful', {
          hint: 'set a limit with --kill-after or --now',
        });
      }
      const { restart } = await import('../commands/restart.ts');
      return runAct(
        'restart',
        restart,
        {
          ...actOptions(options),
          rollout: rolloutOptions(options),
          isOutdatedOnly: options['outdated'] === true,
        },
        options,
      );
    },
  },
  quiet: {
    summary: 'Let instances take no new job, by the signal in stop.quiet; they stay up.',
    operands: '[TARGET...]',
    epilogue:
      'When --for is over, the next bootcheck lets them take jobs again: by stop.resume, or else by replacing them.\nExit codes: 0 done, 1 one could not be asked, 2 a worker has no stop.quiet, 75 another pass is at work',
    options: lasting,
    run: async (options) => runWish('quiet', options),
  },
  resume: {
    summary: 'Let quiet instances take jobs again: by stop.resume, or else by replacing them.',
    operands: '[TARGET...]',
    epilogue: 'Exit codes: 0 done, 1 one could not be asked, 75 another pass is at work',
    options: dryRun,
    run: async (options) => runWish('resume', options),
  },
  hold: {
    summary: 'Leave instances alone: no bootcheck, start or restart touches them, stop does.',
    operands: '[TARGET...]',
    epilogue: 'Exit codes: 0 done, 75 another pass is at work',
    options: lasting,
    run: async (options) => runWish('hold', options),
  },
  unhold: {
    summary: 'Watch held instances again.',
    operands: '[TARGET...]',
    epilogue: 'Exit codes: 0 done, 1 one could not be started, 75 another pass is at work',
    options: dryRun,
    run: async (options) => runWish('unhold', options),
  },
  bootcheck: {
    summary:
      'One pass, for cron: start what is missing, carry on an unfinished restart; silent when all is well.',
    operands: '',
    epilogue:
      'It waits for nobody.\nExit codes: 0 done or nothing to do, 1 one could not be started, 75 another pass is at work',
    options: (parser) =>
      dryRun(parser)
        .option('verbose', {
          alias: 'v',
          type: 'boolean',
          describe: 'speak also when there was nothing to do',
        })
        .option('metrics', {
          type: 'string',
          requiresArg: true,
          describe: "write metrics to this file, for node_exporter's textfile collector",
        }),
    run: async (options) => {
      refuseTargets('bootcheck', options.targets);
      refuseOtherMetrics(options['metrics']);
      const events: Event[] = [];
      const code = await runAct(
        'bootcheck',
        async (context, acting: { dryRun: boolean }) => {
          const outcome = await bootcheck(context, acting);
          if (outcome.kind === 'acted') events.push(...outcome.events);
          return outcome;
        },
        { dryRun: options['dryRun'] === true },
        options,
      );
      const { metrics } = options;
      if (typeof metrics === 'string' && options['dryRun'] !== true)
        await writeMetrics(options, metrics, events, code);
      const isSilent = !events.some(isTold) && options['dryRun'] !== true && !options.global.json;
      if (options['verbose'] === true && isSilent) print('nothing to do\n');
      return code;
    },
  },
  adopt: {
    summary:
      'Take over a process that something else has started: from now on it is that instance.',
    operands: 'WORKER.ID PID|PIDFILE',
    epilogue: `The process goes on as it is; nobody signals it. It is asked to finish, replaced and counted like any other from then on.
How it ends is not to be known: nobody here is its parent. An instance that was stopped on purpose is wanted again.
Exit codes: 0 done, 1 refused: the instance runs already, or the process is dead, another user's or another instance's,
2 no such instance, 75 another pass is at work`,
    options: dryRun,
    run: runAdopt,
  },
  want: {
    summary: 'Set how many instances of a worker run, or show it; kept until --reset.',
    operands: '[COUNT] WORKER',
    epilogue:
      'Growing starts. Shrinking lets idle ones leave first, then those with the highest numbers; nobody is killed.\nExit codes: 0 done, 1 one could not be started, 2 the worker has identifiers of its own, 75 another pass is at work',
    options: (parser) =>
      dryRun(parser).option('reset', {
        type: 'boolean',
        describe: 'as many as the config says again',
      }),
    run: runWant,
  },
  jobs: {
    summary: 'List each worker with its count, what is desired and the pids, as MogileFS does.',
    operands: '',
    epilogue: 'Exit codes: 0',
    options: (parser) => parser,
    run: runJobs,
  },
  events: {
    summary: 'Show what has happened, from the journal: starts, deaths, kills, restarts.',
    operands: '[TARGET...]',
    epilogue:
      'TARGET may also be an instance that the config no longer has. --json prints the lines of the journal as they are.\nExit codes: 0, 73 the journal cannot be read, 130 interrupted',
    options: (parser) =>
      parser
        .option('follow', {
          alias: 'f',
          type: 'boolean',
          describe: 'go on with what happens from now on, until Ctrl-C',
        })
        .option('lines', {
          alias: 'n',
          type: 'string',
          requiresArg: true,
          describe: 'at most so many, the latest ones (50; with --since all)',
        })
        .option('since', {
          type: 'string',
          requiresArg: true,
          describe: 'nothing older: 1h, 2d, 2026-11-21, "2026-11-21 12:30"',
        })
        .option('kind', {
          type: 'string',
          requiresArg: true,
          describe: 'only these kinds: died,killed',
        }),
    run: async (options) => (await import('./events.ts')).runEvents(options),
  },
  watch: {
    summary: 'Stay and run the pass whenever there is something to do; owns no worker.',
    operands: '',
    epilogue:
      'It is woken by the trigger, by a death, by time, and every minute. SIGHUP reads the config again. SIGTERM ends it and leaves\nthe workers as they are.\nExit codes: 0 ended, 73 the state directory or the trigger cannot be used, 75 another watch runs here',
    options: (parser) =>
      parser
        .option('stop-on-exit', {
          type: 'boolean',
          describe: 'let all workers finish and leave first (for containers)',
        })
        .option('listen', {
          type: 'string',
          describe: 'answer the control protocol on this address too, such as 127.0.0.1:7001',
        })
        .option('metrics-listen', {
          type: 'string',
          describe: 'serve metrics for Prometheus on this address, such as 127.0.0.1:9105',
        })
        .option('listen-unsafe', {
          type: 'boolean',
          describe: 'also addresses that other hosts can reach: there is no password',
        }),
    run: async (options) => {
      refuseTargets('watch', options.targets);
      const { runWatch } = await import('./watch.ts');
      return runWatch(options);
    },
  },
  logs: {
    summary: 'Show the last lines of the logs, each with its instance in front; -f goes on.',
    operands: '[TARGET...]',
    epilogue:
      'Lines of several logs are put in order where they begin with a time. --json prints one object a line.\nExit codes: 0 shown, 1 a log cannot be read, 130 interrupted (-f)',
    options: (parser) =>
      parser
        .option('follow', {
          alias: 'f',
          type: 'boolean',
          describe: 'go on with what comes, through rotations and restarts',
        })
        .option('lines', {
          alias: 'n',
          type: 'string',
          requiresArg: true,
          describe: 'how many of each log (20)',
        }),
    run: async (options) => (await import('./logs.ts')).runLogs(options),
  },
  trigger: {
    summary: 'Wake workerctl watch.',
    operands: '',
    epilogue: 'Exit codes: 0 woken, 69 no watch runs here, 73 something else is in its place',
    options: (parser) => parser,
    run: runTrigger,
  },
  init: {
    summary:
      'Write a workerctl.yaml (or --config FILE) to start from; knows Procfile, delayed_job, sidekiq and celery projects.',
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
  install: {
    summary:
      'Print what the host needs: a configuration for logrotate, lines for cron, a unit for systemd.',
    operands: 'logrotate|cron|systemd',
    epilogue:
      'logrotate: for all logs that neither log.max_size nor log.command cares for; --write puts it into /etc/logrotate.d/workerctl.\ncron: runs bootcheck each minute and at boot; --write adds it to your crontab, once.\nsystemd: runs workerctl watch.\nExit codes: 0 done, 1 it cannot be written',
    options: (parser) =>
      parser.option('write', {
        type: 'boolean',
        describe: 'put it in its place (logrotate, cron)',
      }),
    run: async (options) => (await import('./install.ts')).runInstall(options),
  },
  doctor: {
    summary:
      'Say what will bite: locks, files, strays, timeouts, cron, systemd, rights; changes nothing.',
    operands: '',
    epilogue:
      'Each finding says what was found, why it matters and what to do. The only file that it writes is a probe for the lock.\nExit codes: 0 no problems (there may be warnings), 1 problems, 78 the config is wrong',
    options: (parser) => parser,
    run: runDoctor,
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
