import { join } from 'node:path';
import * as z from 'zod/mini';
import { WorkerctlError } from '../../core/basics/error.ts';
import {
  noDesired,
  type Desired,
  type Loss,
  type Replaced,
  type Rollout,
  type RolloutOptions,
} from '../../core/model/desired.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { launchProblems } from '../../core/model/record.ts';
import { durationOf, momentOf } from '../../core/basics/time.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { describeErrno } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { once } from '../files/once.ts';
import { signalled } from './exits.ts';
import { readJson } from '../files/json-file.ts';

const desiredSchema = once(() => {
  // What an entry looks like is made with the first one: mostly there is none.
  const byInstance = <T extends z.ZodMiniType>(value: () => T) =>
    z._default(z.record(z.string(), z.lazy(value)), {});
  const identity = () => z.object({ pid: z.int(), start_time: z.int(), boot_id: z.string() });
  const replaced = () =>
    z.extend(identity(), { run_id: z.optional(z.string()), successor: z.optional(identity()) });
  const asked = { at: z.number(), by: z.string() };
  const timed = () => z.object({ ...asked, until: z.optional(z.number()) });
  const release = () => z.object({ from: z.optional(z.string()), to: z.optional(z.string()) });
  const batch = () =>
    z.union([
      z.object({ kind: z.literal('count'), count: z.number() }),
      z.object({ kind: z.literal('percent'), percent: z.number() }),
    ]);
  const options = () =>
    z.object({
      canary: z.optional(z.boolean()),
      batch: z.optional(batch()),
      overlap: z.optional(z.boolean()),
      kill_after: z.optional(z.number()),
    });
  const rollout = () =>
    z.object({
      ...asked,
      id: z.string(),
      options: options(),
      replaces: z.record(z.string(), z.nullable(replaced())),
      releases: z.record(z.string(), release()),
      proven: z.array(z.string()),
      aborted: z.optional(z.object({ at: z.number(), instance: z.string(), why: z.string() })),
    });
  const loss = () =>
    z.object({
      instance: z.string(),
      pid: z.int(),
      run_id: z.string(),
      death: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('exited'), status: z.int() }),
        z.object({
          kind: z.literal('signalled'),
          signal: z.int(),
          core: z.optional(z.boolean()),
          oom: z.optional(z.enum(['certain', 'likely'])),
        }),
        z.object({ kind: z.literal('rebooted') }),
        z.object({ kind: z.literal('unlaunched'), found: z.enum(launchProblems) }),
        z.object({ kind: z.literal('unknown'), why: z.string() }),
      ]),
      at: z.number(),
      due: z.number(),
    });
  return z.object({
    version: z.literal(1),
    stopped: z.record(
      z.string(),
      z.lazy(() => z.object(asked)),
    ),
    held: byInstance(timed),
    quiet: byInstance(timed),
    counts: byInstance(() => z.object({ ...asked, identifiers: z.array(z.string()) })),
    failures: byInstance(() =>
      z.object({
        run_id: z.string(),
        count: z.number(),
        at: z.number(),
        is_spared: z.optional(z.boolean()),
      }),
    ),
    deadlines: byInstance(() => z.object({ process: identity(), at: z.number() })),
    told: byInstance(() => z.string()),
    losses: z._default(z.array(z.lazy(loss)), []),
    rollouts: z._default(z.array(z.lazy(rollout)), []),
  });
});

type DesiredJson = z.output<ReturnType<typeof desiredSchema>>;
type IdentityJson = DesiredJson['deadlines'][string]['process'];
type ReplacedJson = NonNullable<DesiredJson['rollouts'][number]['replaces'][string]>;

export const desiredPath = (stateDir: string): string => join(stateDir, 'state.json');

/**
 * What people want beyond the config; nothing where there is no such file.
 * @throws WorkerctlError `state` when the file cannot be understood: nobody else knows what was stopped on purpose
 */
export function readDesired(stateDir: string): Desired {
  const path = desiredPath(stateDir);
  const file = readJson(path, desiredSchema, 'the intent that workerctl wrote');
  switch (file.kind) {
    case 'absent':
      return noDesired;
    case 'broken':
      throw new WorkerctlError('state', file.problem, {
        hint: 'remove that file to go on; instances that were stopped on purpose will then be started again',
      });
    case 'read':
      return desiredFrom(file.value);
  }
}

function desiredFrom(json: DesiredJson): Desired {
  return {
    stopped: mapValues(json.stopped, ({ at, by }) => ({ at: momentOf(at), by })),
    held: mapValues(json.held, timedFrom),
    quiet: mapValues(json.quiet, timedFrom),
    counts: mapValues(json.counts, ({ at, by, identifiers }) => ({
      at: momentOf(at),
      by,
      identifiers,
    })),
    failures: mapValues(json.failures, ({ run_id: runId, count, at, is_spared: isSpared }) => ({
      runId,
      count,
      at: momentOf(at),
      ...(isSpared !== undefined && { isSpared }),
    })),
    deadlines: mapValues(json.deadlines, ({ process, at }) => ({
      process: identityFrom(process),
      at: durationOf(at),
    })),
    told: json.told,
    losses: json.losses.map(lossFrom),
    rollouts: json.rollouts.map(rolloutFrom),
  };
}

const timedFrom = ({ at, by, until }: DesiredJson['held'][string]): Desired['held'][string] => ({
  at: momentOf(at),
  by,
  ...(until !== undefined && { until: momentOf(until) }),
});

const lossFrom = ({
  at,
  due,
  death,
  run_id: runId,
  ...rest
}: DesiredJson['losses'][number]): Loss => ({
  ...rest,
  runId,
  death: death.kind === 'signalled' ? signalled(death.signal, death.core, death.oom) : death,
  at: momentOf(at),
  due: momentOf(due),
});

function lossTo({ death, runId, ...others }: Loss): DesiredJson['losses'][number] {
  const rest = { ...others, run_id: runId };
  if (death.kind !== 'signalled') return { ...rest, death };
  const { kind, signal, coreDumped: core, outOfMemory: oom } = death;
  return { ...rest, death: { kind, signal, core, oom } };
}

const identityFrom = ({ pid, start_time, boot_id }: IdentityJson): ProcessIdentity => ({
  pid,
  startTime: start_time,
  bootId: boot_id,
});

const replacedFrom = ({ run_id: runId, successor, ...process }: ReplacedJson): Replaced => ({
  ...identityFrom(process),
  ...(runId !== undefined && { runId }),
  ...(successor && { successor: identityFrom(successor) }),
});

const replacedTo = ({ runId, successor, ...process }: Replaced): ReplacedJson => ({
  ...identityTo(process),
  ...(runId !== undefined && { run_id: runId }),
  ...(successor && { successor: identityTo(successor) }),
});

const identityTo = ({ pid, startTime, bootId }: ProcessIdentity): IdentityJson => ({
  pid,
  start_time: startTime,
  boot_id: bootId,
});

function rolloutFrom(json: DesiredJson['rollouts'][number]): Rollout {
  const { canary, batch, overlap, kill_after: killAfter } = json.options;
  const options: RolloutOptions = {
    ...(canary !== undefined && { canary }),
    ...(batch && { batch }),
    ...(overlap !== undefined && { overlap }),
    ...(killAfter !== undefined && { killAfter: durationOf(killAfter) }),
  };
  return {
    id: json.id,
    at: momentOf(json.at),
    by: json.by,
    options,
    replaces: mapValues(json.replaces, (process) => process && replacedFrom(process)),
    releases: mapValues(json.releases, ({ from, to }) => ({
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    })),
    proven: json.proven,
    ...(json.aborted && { aborted: { ...json.aborted, at: momentOf(json.aborted.at) } }),
  };
}

function desiredTo(desired: Desired): DesiredJson {
  const { stopped, held, quiet, told } = desired;
  return {
    version: 1,
    stopped,
    held,
    quiet,
    failures: mapValues(desired.failures, ({ isSpared, runId, ...failure }) => ({
      ...failure,
      run_id: runId,
      ...(isSpared !== undefined && { is_spared: isSpared }),
    })),
    told,
    losses: desired.losses.map(lossTo),
    counts: mapValues(desired.counts, (want) => ({ ...want, identifiers: [...want.identifiers] })),
    deadlines: mapValues(desired.deadlines, ({ process, at }) => ({
      process: identityTo(process),
      at,
    })),
    rollouts: desired.rollouts.map(({ options: { killAfter, ...options }, replaces, ...rest }) => ({
      ...rest,
      proven: [...rest.proven],
      options: { ...options, ...(killAfter !== undefined && { kill_after: killAfter }) },
      replaces: mapValues(replaces, (process) => process && replacedTo(process)),
    })),
  };
}

/**
 * Writes the intent. When the host crashes, it is the old or the new one afterwards, and a `durable` one is the new one.
 * @throws WorkerctlError `state` when it cannot be written; the old one is then as it was
 */
export function writeDesired(
  stateDir: string,
  desired: Desired,
  { durable }: { durable: boolean },
): void {
  const path = desiredPath(stateDir);
  try {
    writeFileAtomically(path, `${JSON.stringify(desiredTo(desired), undefined, 1)}\n`, {
      outlives: durable ? 'durable' : 'whole',
    });
  } catch (error) {
    throw new WorkerctlError(
      'state',
      `${path}: cannot be written: ${describeErrno(error)}; nothing was done`,
      { cause: error },
    );
  }
  faultPoint();
}

function mapValues<A, B>(
  values: Readonly<Record<string, A>>,
  change: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
