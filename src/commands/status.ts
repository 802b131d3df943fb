import { observeReported } from '../engine/observe/observe.ts';
import { lookForStrays } from '../engine/observe/presence.ts';
import { type Scene } from '../engine/scene.ts';
import { applyGoal } from '../core/rules/apply-goal.ts';
import { snapshotOf } from '../core/rules/snapshot.ts';
import type { Releases } from '../core/views/instance-status.ts';
import { statusCode, statusOf, type Status } from '../core/views/status.ts';
import { allObserved, mayLive } from '../core/model/observation.ts';
import { nameAll, namedBy, selectInstances, workerNameOf } from '../core/model/targets.ts';
import { lookup } from '../core/basics/lookup.ts';
import type { Config } from '../core/model/config.ts';
import type { Desired } from '../core/model/desired.ts';
import { firstInstance } from '../core/model/instance.ts';
import { seenDesired } from '../host/state/desired-file.ts';
import { knownLedger } from '../host/state/ledger-file.ts';
import { checkForLook } from '../host/state/state-directory.ts';
import { stateFilesIn } from '../host/state/record-cache.ts';
import { hostname } from 'node:os';
import { defineCommand, type GlobalOptions, type InState } from '../cli/command.ts';
import { configFor, configInForce, configPath } from '../cli/config.ts';
import { among, expecting, value } from '../cli/options.ts';
import { print, printError, printPainted, terminalSize } from '../cli/print.ts';
import { colours } from '../cli/colours.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import type { JournalEntry } from '../core/events/journal.ts';
import { codesFor, lookAge, openLaunches, type Launches } from '../engine/observe/launches.ts';
import { createReleaseReader, type ReleaseReader } from '../engine/observe/release-reader.ts';
import { unitName } from '../core/protocols/cgroup.ts';
import { groupOf } from '../host/process/process-table.ts';
import { now } from '../host/process/clock.ts';
import { neverHanging } from '../host/process/mount-problem.ts';
import type { MetricsFacts } from '../output/metrics/facts.ts';
import { formatStatus } from '../output/status-table.ts';

const formats = ['table', 'json', 'prometheus'] as const;

const format = expecting('table, json or prometheus', (text) =>
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
(running, but not wanted).`,
  options: {
    format: among(formats, value('FORMAT', 'table, json or prometheus (metrics as text)', format)),
  },
  examples: [
    ['workerctl status'],
    ['workerctl status mail.1', 'one instance, and what happened to it'],
  ],
  exitCodes: {
    done: 'every wanted instance is ready or quiet',
    notReady: 'some are not',
    state: 'what is wanted is unknown: state.json and its copy cannot be used',
  },
  run: async ({ targets, global, format: shape }) => {
    if (shape === 'prometheus') return printMetrics(global, targets);
    const found = await statusFor(global, targets);
    const isJson = global.json || shape === 'json';
    const only = onlyInstance(found, targets);
    if (only !== undefined) await printInstance(withUnits(found), global, only, isJson);
    else
      printPainted(
        isJson
          ? await statusJson(found)
          : formatStatus(found, await colours(), terminalSize()?.columns),
      );
    return codeFor(found);
  },
});

async function statusJson(status: Status, events?: readonly JournalEntry[]): Promise<string> {
  const { statusAnswer } = await import('../output/json/status.ts');
  const { printed } = await import('../output/json/answer.ts');
  return printed(statusAnswer, { ...status, ...(events && { events }) });
}

const codeFor = (found: Status): number => exitCodes[statusCode(found)].code;

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

async function printMetrics(global: GlobalOptions, targets: readonly string[]): Promise<number> {
  if (targets.length > 0)
    throw new WorkerctlError(
      'usage',
      `status --format=prometheus: expected no targets, found ${targets.join(' ')}`,
    );
  print(await metricsFor(global, {}));
  const { problem, isUnknown } = seenDesired((await configFor(global)).stateDir);
  if (problem !== undefined) printError(`workerctl: ${problem}\n`);
  return exitCodes[isUnknown ? 'state' : 'done'].code;
}

/** The instance that the targets name as such; undefined for a worker, a glob, or several. */
function onlyInstance({ instances }: Status, targets: readonly string[]): string | undefined {
  const [name] = targets;
  const isOne = instances.length > 0 && instances.every((one) => one.name === name);
  return targets.length === 1 && isOne ? name : undefined;
}

/** With the systemd units that the processes live in. */
const withUnits = (found: Status): Status => ({
  ...found,
  instances: found.instances.map((one) => {
    const unit = one.pid === undefined ? undefined : unitName(groupOf(one.pid));
    return unit === undefined ? one : { ...one, unit };
  }),
});

/** How many of its latest events are shown below the status of an instance. */
const shownEvents = 10;

async function printInstance(
  found: Status,
  global: GlobalOptions,
  name: string,
  isJson: boolean,
): Promise<void> {
  const [{ readJournal }, { formatEntry, nameWidth }] = await Promise.all([
    import('../host/journal/read.ts'),
    import('../output/journal.ts'),
  ]);
  const { stateDir } = await configInForce(global);
  const events = orNone(() =>
    readJournal(stateDir, {
      limit: shownEvents,
      matches: ({ instance }) => instance === name,
      mention: JSON.stringify(name),
    }).lines.map(({ entry }) => entry),
  );
  if (isJson) {
    print(await statusJson(found, events));
    return;
  }
  const painted = await colours();
  const at = now();
  const lines = events.map((entry) => formatEntry(entry, at, painted, nameWidth(events)));
  const table = formatStatus(found, painted, terminalSize()?.columns);
  const units = found.instances.flatMap(({ pid, unit }) =>
    pid === undefined || unit === undefined ? [] : [`pid ${pid} lives in ${unit}\n`],
  );
  printPainted(
    [`${table}${units.join('')}`, ...(lines.length === 0 ? [] : [lines.join('')])].join('\n'),
  );
}

/** A journal that cannot be read is reported; the state of the instance is known without it. */
function orNone(read: () => JournalEntry[]): JournalEntry[] {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    printError(`workerctl: ${error.message}\n`);
    return [];
  }
}

/** If more instances are shown, the logs of none are looked at: that takes some microseconds each. */
const mostLogs = 100;

export interface StatusRequest {
  readonly targets: readonly string[];
  /** The release, if a file or a command names it. */
  readonly releases: ReleaseReader;
}

/** What each instance is doing. Takes no lock, changes nothing. */
export async function status(scene: Scene, { targets, releases }: StatusRequest): Promise<Status> {
  const { config } = scene;
  checkForLook(config.stateDir);
  const { instances: recorded, retiring, notes } = stateFilesIn(config.stateDir);
  const selected = selectInstances(config, recorded, targets);
  const workers = new Set(config.workers.map(({ name }) => name));
  const isNamed = namedBy(targets, config);
  const strangers = recorded.filter((name) => !workers.has(workerNameOf(name)) && isNamed(name));
  const names = nameAll(targets) ? [...selected, ...strangers] : selected;
  const shown = new Set(names);
  // As the next pass will see it: deaths that no pass has noticed yet count.
  const { desired: known, problem, isUnknown } = seenDesired(config.stateDir);
  const before = { desired: known, ledger: knownLedger(config.stateDir) };
  const { pins } = before.desired;
  const failed = Object.keys(before.ledger.failures);
  const measuring = await withMeasures({ ...scene, notes, pins, showsLeftovers: true }, releases);
  const seesLog = names.length > mostLogs ? undefined : await neverHanging();
  const seen = await observeReported(
    { ...measuring, ...(seesLog && { seesLog }) },
    names,
    retiring.filter(({ instance }) => shown.has(instance)),
  );
  const found = allObserved(seen).some(mayLive) ? lookForStrays(scene, seen) : seen;
  const launches = openLaunches({ ...scene, releases }, lookAge);
  try {
    const codes = await codesFor(launches, config, before.desired, failed);
    const observation = codes === undefined ? found : { ...found, launches: codes };
    const { desired, ledger } = applyGoal(config, before, { kind: 'check' }, observation);
    const answer = statusOf(
      snapshotOf(config, { desired, ledger }, observation),
      await releasesOf(launches, config, names, desired.pins),
    );
    return {
      ...answer,
      rollouts: targets.length === 0 ? answer.rollouts : rolloutsOf(answer, desired, isNamed),
      ...(problem !== undefined && { stateProblem: { problem, isUnknown } }),
    };
  } finally {
    launches.close();
  }
}

/** The rollouts that the targets are in. */
function rolloutsOf(
  { rollouts }: Status,
  desired: Desired,
  isNamed: (name: string) => boolean,
): Status['rollouts'] {
  const concerned = desired.rollouts.filter(({ replaces }) => Object.keys(replaces).some(isNamed));
  const ids = new Set(concerned.map(({ id }) => id));
  return rollouts.filter(({ id }) => ids.has(id));
}

/** Memory is measured only if a worker has a limit for it. */
async function withMeasures(scene: Scene, releases: ReleaseReader): Promise<Scene> {
  if (!scene.config.workers.some(({ recycle }) => recycle?.memory !== undefined)) return scene;
  const { createMeasures } = await import('../engine/observe/measures.ts');
  return { ...scene, measures: createMeasures(releases) };
}

/** By instance, the release that a start would give it now. */
async function releasesOf(
  launches: Launches,
  { workers }: Config,
  names: readonly string[],
  pins: Desired['pins'],
): Promise<Releases> {
  const byName = new Map(workers.map((worker) => [worker.name, worker]));
  const releases: Record<string, string> = {};
  for (const name of [...names, ...workers.map(firstInstance)]) {
    const worker = byName.get(workerNameOf(name));
    if (worker === undefined) continue;
    const { release } = await launches.of(worker, name, lookup(pins, worker.name));
    if (release !== undefined) releases[name] = release;
  }
  return releases;
}
