import { hostname } from 'node:os';
import { exitCodes } from '../core/basics/exit-codes.ts';
import type { Config } from '../core/model/config.ts';
import { statusCode, type Status } from '../core/views/status.ts';
import { targetOptions } from '../cli/chosen-targets.ts';
import { wordsAmong } from '../cli/choices.ts';
import { colours } from '../cli/colours.ts';
import { defineCommand, type GlobalOptions, type InState } from '../cli/command.ts';
import { configFor, configInForce, configPath } from '../cli/config.ts';
import { among, expecting, flag, value } from '../cli/options.ts';
import { print, printError, printPainted, terminalSize } from '../cli/print.ts';
import { createReleaseReader } from '../engine/observe/release-reader.ts';
import { status } from '../engine/observe/status.ts';
import { seenDesired } from '../host/state/desired-file.ts';
import type { MetricsFacts } from '../output/metrics/facts.ts';
import { columnNames } from '../output/status/columns.ts';
import type { Shape } from '../output/status/layout.ts';
import { formatStatus } from '../output/status/table.ts';
import { formats, refuseUnused, type StatusOptions } from './status/formats.ts';
import { sortOption } from './status/sort-option.ts';

const format = expecting(`one of ${formats.join(', ')}`, (text) =>
  formats.find((one) => one === text),
);

/** `workerctl status`. */
export const command = defineCommand({
  summary: 'Show what each instance is doing. For a single instance, also its ten latest events.',
  operands: '[TARGET...]',
  description: `
States: ready, starting, late (not ready in time), quiet (takes no new jobs), draining (finishing its
job), retiring (draining beside its replacement), frozen (SIGSTOP), missing, backoff (waiting before the
next attempt), done and failed (ended, and not started again: on_exit), stopped (on purpose), surplus
(running, but not wanted).

RESTARTS are those of the last 24 hours. CPU is the time since the start of the process. MEMORY is that
of the process; of its whole session with --wide or for a single instance.

On a terminal, a column with the same value for all is moved below the table, and what does not fit is
left out; --wide and a pipe show everything. --state chooses what is shown; the sums and the exit code
are those of all TARGETs.

--format nagios is a check plugin: its exit codes are 0 (OK), 1 (WARNING), 2 (CRITICAL) and 3 (UNKNOWN:
also every error of workerctl).`,
  options: {
    wide: flag('all columns, and one line for each instance'),
    columns: among(
      columnNames,
      value(
        'COLUMN,...',
        `only these columns: ${columnNames.join(', ')}`,
        wordsAmong('columns', columnNames),
      ),
    ),
    sort: sortOption,
    quiet: flag('only the names', 'q'),
    watch: flag('show them live, as top does'),
    format: among(
      formats,
      value('FORMAT', 'table, wide, json, prometheus (metrics as text) or nagios', format),
    ),
    // The look that shows them finds out which these are.
    state: { ...targetOptions.state },
  },
  examples: [
    ['workerctl status'],
    ['workerctl status mail.1', 'one instance, and what happened to it'],
    ['workerctl status --state backoff,missing', 'what is down and should not be'],
    ['workerctl status --sort memory --columns instance,memory,job'],
    ['workerctl status -q --state late', 'the names, for a script'],
  ],
  exitCodes: {
    done: 'every wanted instance is ready, quiet or done',
    notReady: 'some are not',
    state: 'what is wanted is unknown: state.json and its copy cannot be used',
  },
  run: async (options) => {
    const { targets, global } = options;
    refuseUnused(options);
    if (options.watch) return (await import('./top/show.ts')).showTop(options);
    if (options.format === 'prometheus') return printMetrics(global);
    const found = await statusFor(global, targets);
    if (options.format === 'nagios') return printNagios(found);
    await show(await arranged(found, options), options);
    return codeFor(found);
  },
});

const codeFor = (found: Status): number => exitCodes[statusCode(found)].code;

/** In the order that is asked for, with the memory of sessions if that is shown. */
async function arranged(found: Status, { sort, wide, format, targets }: Asked): Promise<Status> {
  const isMeasured = wide || format === 'wide' || onlyInstance(found, targets) !== undefined;
  const { withSessionMemory } = isMeasured
    ? await import('../engine/observe/session-memory.ts')
    : { withSessionMemory: undefined };
  const measured =
    withSessionMemory === undefined
      ? found
      : { ...found, instances: withSessionMemory(found.instances) };
  if (sort === undefined) return measured;
  const { sorted } = await import('../core/views/sort-status.ts');
  return sorted(measured, sort);
}

interface Asked extends StatusOptions {
  readonly targets: readonly string[];
  readonly global: GlobalOptions;
}

async function show(found: Status, options: Asked): Promise<void> {
  const { targets, global, format, state, quiet } = options;
  const only = onlyInstance(found, targets);
  const isShown = ({ instances }: Status): Status['instances'] =>
    state === undefined ? instances : instances.filter((one) => state.includes(one.state));
  if (quiet) {
    print([...new Set(isShown(found).map(({ name }) => `${name}\n`))].join(''));
    return;
  }
  if (global.json || format === 'json') {
    const { printStatusJson } = await import('./status/json.ts');
    await printStatusJson({ ...found, instances: isShown(found) }, global, only);
    return;
  }
  const shape = shapeOf(options);
  if (only !== undefined && isShown(found).length > 0) {
    const { printInstance } = await import('./status/instance.ts');
    await printInstance(found, global, only, shape);
  } else printPainted(formatStatus(found, await colours(), shape));
}

function shapeOf({ wide, columns: chosen, format, state: states }: StatusOptions): Shape {
  const columns = terminalSize()?.columns;
  const isWide = wide || format === 'wide';
  return {
    isWide,
    ...(columns !== undefined && { columns }),
    ...(chosen && { chosen }),
    ...(states && { states }),
  };
}

/** What the targets are doing; it takes no lock and changes nothing. */
export async function statusFor(
  global: GlobalOptions,
  targets: readonly string[],
): Promise<Status> {
  return statusUnder(await configInForce(global), targets);
}

function statusUnder(config: Config, targets: readonly string[]): Promise<Status> {
  const hostName = hostname();
  const releases = createReleaseReader(config);
  return status({ config, hostName, ignoresPidfiles: true }, { targets, releases });
}

/** The instances that the targets name and that are in one of these states. */
export const instancesInState: InState = async (global, targets, states) => {
  const { instances } = await statusFor(global, targets);
  return instances.flatMap(({ name, state }) => (states.includes(state) ? name : []));
};

/** Always of all instances: one that is left out would look as if it were gone. */
export async function metricsFor(global: GlobalOptions, facts: MetricsFacts): Promise<string> {
  const [{ formatMetrics }, { readDropped }] = await Promise.all([
    import('../output/metrics/prometheus.ts'),
    import('../host/state/dropped-messages.ts'),
  ]);
  const config = await configInForce(global);
  return formatMetrics(await statusUnder(config, []), {
    config: configPath(global),
    droppedMessages: readDropped(config.stateDir)?.count ?? 0,
    ...facts,
  });
}

async function printMetrics(global: GlobalOptions): Promise<number> {
  print(await metricsFor(global, {}));
  const { problem, isUnknown } = seenDesired((await configFor(global)).stateDir);
  if (problem !== undefined) printError(`workerctl: ${problem}\n`);
  return exitCodes[isUnknown ? 'state' : 'done'].code;
}

async function printNagios(found: Status): Promise<number> {
  const { formatNagios } = await import('../output/nagios.ts');
  const { text, code } = formatNagios(found);
  print(text);
  return code;
}

/** The instance that the targets name as such; undefined for a worker, a glob, or several. */
function onlyInstance({ instances }: Status, targets: readonly string[]): string | undefined {
  const [name] = targets;
  const isOne = instances.length > 0 && instances.every((one) => one.name === name);
  return targets.length === 1 && isOne ? name : undefined;
}
