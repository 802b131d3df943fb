import { isAbsolute, join } from 'node:path';
import type { Context } from '../engine/session.ts';
import { report } from '../engine/session.ts';
import { planPass, runPass } from '../engine/pass/pass.ts';
import { looksLike, refusalOf, type Candidate } from '../core/rules/adoption.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { expandSpecifiers } from '../core/model/instance.ts';
import { isHeld, rolloutOf } from '../core/model/desired.ts';
import {
  liveProcess,
  withSeen,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../core/model/observation.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { isSameProcess, type LiveProcess } from '../core/model/process.ts';
import { selectInstances, workerNameOf } from '../core/model/targets.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { lookForStrays } from '../engine/observe/presence.ts';
import { claimsIn } from '../engine/observe/witnesses.ts';
import { ownerOf } from '../host/process/as-user.ts';
import { candidateAt } from '../host/worker/candidate.ts';
import { hearWitnesses } from '../host/worker/witness.ts';
import { now } from '../host/process/clock.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { readPidfile } from '../host/state/records.ts';
import { acted, lockWait, plannedBy, recording, type PlanOutcome } from '../engine/command.ts';
import { defineCommand } from '../cli/command.ts';
import { dryRun } from '../cli/options.ts';
import { runActing } from '../cli/run-acting.ts';

/** `workerctl adopt`. */
export const command = defineCommand({
  summary: 'Take over a process that something else has started: it becomes that instance.',
  operands: 'WORKER.ID PID|PIDFILE',
  description: `
The process keeps running and gets no signal. From then on it is stopped, restarted and counted like
any other instance, even if the instance was stopped on purpose before. Its exit status will be
unknown, because workerctl is not its parent.`,
  options: { dryRun },
  examples: [['workerctl adopt mail.1 4711'], ['workerctl adopt mail.1 tmp/pids/delayed_job.pid']],
  exitCodes: {
    done: '',
    failed:
      'refused: the instance already runs, or the process is dead or belongs to another user or instance',
    usage: 'no such instance',
    locked: '',
  },
  run: ({ targets, global, dryRun: isDryRun }) => {
    const [instance, named] = targets;
    if (instance === undefined || named === undefined || targets.length > 2)
      throw new WorkerctlError('usage', 'adopt: expected WORKER.ID and PID or PIDFILE', {
        hint: 'see workerctl adopt --help',
      });
    const request = { instance, named, directory: global.directory, dryRun: isDryRun };
    return runActing('adopt', adopt, request, global);
  },
});

export interface AdoptOptions {
  /** A whole name, `mail.1`. */
  readonly instance: string;
  /** A pid, or the path of a pidfile. */
  readonly named: string;
  /** The directory that relative paths start from; undefined if the working directory was removed. */
  readonly directory: string | undefined;
  readonly dryRun: boolean;
}

/**
 * Makes a process that something else has started the process of an instance. It is only recorded, and gets no signal.
 * @throws WorkerctlError `usage` if there is no such instance or pid; `failed` if the process cannot be that instance
 */
export async function adopt(
  context: Context,
  { instance, named, directory, dryRun }: AdoptOptions,
): Promise<ActOutcome | PlanOutcome> {
  const worker = workerOfInstance(context.config, instance);
  const pid = pidNamed(named, directory);
  const evidence = `named by ${context.by}${named === String(pid) ? '' : ` in ${named}`}`;
  const request = {
    goal: { kind: 'adopt', instances: [instance], by: context.by },
    instances: [instance],
    mayHaveStrays: false,
    claim: (seen: Observation) => claimed(context, { instance, worker, pid, evidence }, seen),
  } as const;
  if (dryRun) return plannedBy(await planPass(context, request));
  const { recorded, events } = recording(context);
  const { observation } = await runPass(recorded, { ...request, lockWait });
  const presence = observation.instances.get(instance)?.presence;
  if (presence?.kind === 'alive')
    report(recorded, instance, { kind: 'already_running', pid: presence.process.pid });
  return acted('adopt', events, { kind: 'not_waited' });
}

function workerOfInstance(config: Config, instance: string): Worker {
  const all = selectInstances(config, [], []);
  const worker = config.workers.find(({ name }) => name === workerNameOf(instance));
  if (worker !== undefined && all.includes(instance)) return worker;
  const shown = all.slice(0, 8).join(', ');
  throw new WorkerctlError(
    'usage',
    `adopt: expected an instance of the config, found ${JSON.stringify(instance)}`,
    { hint: `instances: ${shown}${all.length > 8 ? ', …' : ''}; see ${config.path}` },
  );
}

/** The largest pid on any Linux. Source: proc_sys_kernel(5), pid_max. */
const mostPids = 4_194_304;

function pidNamed(named: string, directory: string | undefined): number {
  if (/^-?\d+$/.test(named)) {
    const pid = Number(named);
    if (pid > 0 && pid <= mostPids) return pid;
    throw new WorkerctlError(
      'usage',
      `adopt: expected a pid from 1 to ${mostPids}, found ${named}`,
    );
  }
  const path = isAbsolute(named) ? named : join(directory ?? '/', named);
  const file = readPidfile(path);
  switch (file.kind) {
    case 'holds':
      return file.pid;
    case 'silent':
      throw new WorkerctlError('failed', `pidfile ${path}: its file system does not answer`);
    case 'absent':
      throw new WorkerctlError(
        'usage',
        `adopt: expected a pid or a pidfile, found ${JSON.stringify(named)}, which does not exist`,
      );
    case 'broken':
      throw new WorkerctlError('failed', `pidfile ${path}: ${file.problem}`);
  }
}

/** A process, and the instance that it should become. */
interface Claim {
  readonly instance: string;
  readonly worker: Worker;
  readonly pid: number;
  /** Which user or file named it, in words. */
  readonly evidence: string;
}

/**
 * What was seen, with the named process in the place of the instance.
 * @throws WorkerctlError `failed` if the process cannot be the instance
 */
function claimed(context: Context, claim: Claim, seen: Observation): Observation {
  const { instance, pid } = claim;
  const observed = seen.instances.get(instance);
  const candidate = candidateAt(context.config.stateDir, instance, pid, ownerOf(claim.worker));
  if (observed === undefined || candidate === undefined)
    throw refusal(claim, { problem: 'no such process is running' });
  const { presence } = observed;
  const { process } = candidate;
  const isRecorded = presence.kind === 'alive' && isSameProcess(presence.process, process);
  const isWitnessed = hasWitness(context, observed, seen);
  if (isRecorded && isWitnessed) return seen;
  const against =
    refusalOf(candidate) ?? refusalOfInstance(context, observed, candidate, isWitnessed);
  if (against !== undefined) throw refusal(claim, against);
  const found = isRecorded
    ? { runId: presence.record.runId }
    : strayAt(context, observed, seen, process);
  const inPlace: ObservedInstance = {
    ...observed,
    presence: { ...found, kind: 'stray', process, evidence: claim.evidence },
    problems: [...observed.problems, ...doubts(context, claim, candidate)],
  };
  return { ...seen, instances: new Map(seen.instances).set(instance, inPlace) };
}

/** Whether anything besides its record says that the process which the instance has now is the instance's. */
function hasWitness(
  context: Context,
  observed: ObservedInstance,
  observation: Observation,
): boolean {
  const living = liveProcess(observed);
  if (living === undefined) return false;
  const desired = readDesired(context.config.stateDir);
  const claim = claimsIn(context, { observation, desired })({ instance: observed.name }, living);
  return hearWitnesses(claim).kind === 'witnessed';
}

/** What the marker or the shim of the process says, if no record claimed it. */
function strayAt(
  context: Context,
  observed: ObservedInstance,
  seen: Observation,
  process: LiveProcess,
): Extract<Presence, { kind: 'stray' }> | undefined {
  const { name, presence: now } = observed;
  if (now.kind === 'stray' && isSameProcess(now.process, process)) return now;
  const unclaimed = withSeen(seen, [{ ...observed, presence: { kind: 'absent' } }]);
  const presence = lookForStrays(context, unclaimed).instances.get(name)?.presence;
  if (presence?.kind !== 'stray' || !isSameProcess(presence.process, process)) return undefined;
  return presence;
}

/** Why the instance cannot take over another process. */
function refusalOfInstance(
  { config }: Context,
  observed: ObservedInstance,
  { process }: Candidate,
  isWitnessed: boolean,
): { problem: string; hint?: string } | undefined {
  const { name } = observed;
  const living = liveProcess(observed);
  if (living !== undefined && isWitnessed && !isSameProcess(living, process))
    return {
      problem: `${name} is already running, as pid ${living.pid}`,
      hint: `workerctl stop ${name} lets that process finish its job first`,
    };
  const desired = readDesired(config.stateDir);
  if (isHeld(desired, name, now()))
    return { problem: `${name} is held`, hint: `workerctl unhold ${name} ends the hold` };
  const rollout = rolloutOf(desired, name);
  if (rollout !== undefined && rollout.aborted === undefined)
    return {
      problem: `a restart of ${name} is under way, and would count it as the replacement`,
      hint: 'adopt it after the restart',
    };
  return undefined;
}

const refusal = (
  { instance, pid }: Claim,
  { problem, hint }: { problem: string; hint?: string },
): WorkerctlError =>
  new WorkerctlError('failed', `adopt ${instance}: pid ${pid} is refused: ${problem}`, {
    ...(hint !== undefined && { hint }),
  });

/** Signs that it may be the wrong process: they are reported, but it is not refused for them. */
function doubts({ hostName }: Context, claim: Claim, { title }: Candidate): string[] {
  const { instance, worker, pid } = claim;
  const identifier = instance.slice(worker.name.length + 1);
  const command = worker.command.map((word) =>
    expandSpecifiers(word, { name: instance, worker, identifier }, hostName),
  );
  if (looksLike(title, command) || looksLike(title, [worker.name])) return [];
  return [
    `pid ${pid} does not look like the configured command: expected ${JSON.stringify(command.join(' '))}, found ${JSON.stringify(title.slice(0, 200))}`,
  ];
}
