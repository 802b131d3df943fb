import { keyOf } from '../../../src/core/model/instance.ts';
import {
  allObserved,
  observedAt,
  refOf,
  type Observation,
} from '../../../src/core/model/observation.ts';
import type { Action } from '../../../src/core/model/action.ts';
import { formatAction } from '../../../src/core/model/plan.ts';
import { workerNameOf } from '../../../src/core/model/targets.ts';
import type { ProcessIdentity } from '../../../src/core/model/process.ts';
import type { Batch, Worker } from '../../../src/core/model/config.ts';
import { isAlive, type Being } from './being.ts';
import { addLimit, breach, type Chronicle, type Requested } from './chronicle.ts';
import type { Standing, Standings } from './standing.ts';
import { wantedNames } from './world.ts';

/** What a pass saw, and what it has signalled so far. */
export interface During {
  readonly observation: Observation;
  readonly standings: Standings;
  readonly signalled: Set<string>;
}

export function judgeAborts(chronicle: Chronicle): void {
  for (const { id, aborted } of chronicle.world.desired.rollouts) {
    const restart = chronicle.restarts.find((one) => one.id === id);
    if (aborted !== undefined && restart?.mayHaveFailed !== true)
      breach(
        chronicle,
        'no abort without a failure',
        `${id}: ${aborted.instance} ${aborted.problem}`,
      );
  }
}

export function judge(chronicle: Chronicle, action: Action, during: During): void {
  const { held } = chronicle;
  const { instance } = action;
  const { observation, signalled } = during;
  const what = formatAction(action);
  if (held.has(keyOf(action))) breach(chronicle, 'what is held is left alone', what);
  switch (action.kind) {
    case 'start':
      judgeStart(chronicle, instance, what);
      return;
    case 'retire':
      judgeMove(chronicle, instance, what);
      return;
    case 'kill':
      judgeIdentity(chronicle, action, observation);
      judgeKill(chronicle, keyOf(action), what);
      return;
    case 'stop':
    case 'quiet':
    case 'resume':
      judgeIdentity(chronicle, action, observation);
      if (signalled.has(keyOf(action)))
        breach(chronicle, 'no process is asked twice', `again: ${what}`);
      signalled.add(keyOf(action));
      if (isVoid(chronicle, action)) chronicle.limits.delete(action.process.pid);
      if (action.kind !== 'resume') judgeAsk(chronicle, action, during);
      return;
    case 'adopt':
    case 'write_pidfile':
    case 'remove_pidfile':
    case 'clean_up':
    case 'dump':
    case 'leftovers':
    case 'limit':
    case 'rotate':
      return;
  }
}

/** Whether a process that was made quiet in order to be stopped need not exit any more: nor does its limit hold. */
const isVoid = (
  { world }: Chronicle,
  action: Extract<Action, { kind: 'stop' | 'quiet' | 'resume' }>,
): boolean =>
  action.kind === 'resume' ||
  (action.kind === 'quiet' &&
    !action.stopsWhenIdle &&
    world.places.get(keyOf(action))?.quiet?.note.stopsWhenIdle === true);

function judgeIdentity(
  chronicle: Chronicle,
  action: Extract<Action, { process: ProcessIdentity }>,
  observation: Observation,
): void {
  const { pid } = action.process;
  const being = chronicle.world.places.get(keyOf(action));
  const presence = observedAt(observation, action)?.presence;
  const isSeen = presence?.kind === 'alive' && presence.process.pid === pid;
  if (!isSeen || being?.pid !== pid)
    breach(
      chronicle,
      'only observed living processes are signalled',
      `${keyOf(action)} pid ${pid}`,
    );
}

type Ask = Extract<Action, { kind: 'stop' | 'quiet' }>;

function judgeAsk(chronicle: Chronicle, action: Ask, during: During): void {
  const { world, terms, restarts } = chronicle;
  const { instance, cause } = action;
  const being = world.places.get(keyOf(action));
  if (being === undefined) return;
  judgeCommand(chronicle, being, action);
  if (action.kind === 'stop') {
    const count = (terms.get(being.pid) ?? 0) + 1;
    terms.set(being.pid, count);
    if (count > 1)
      breach(chronicle, 'no process is asked twice', `${count} times: ${formatAction(action)}`);
  } else if (!action.stopsWhenIdle) return;
  if (being.askedAt !== undefined) return; // after its prelude
  const restart = restarts.find(({ id }) => cause.endsWith(` by ${id}`));
  const limit = restart?.options.killAfter ?? being.worker.stop.timeout;
  const hasOwn = chronicle.stopped.has(instance) && chronicle.limits.has(being.pid);
  if (limit !== undefined && !hasOwn) addLimit(chronicle, being, limit);
  if (restart !== undefined) judgeTurn(chronicle, restart, being, during);
}

/** Whether a process that a command makes quiet was made so, once, before it is asked to exit, unless it has no time left. */
function judgeCommand(chronicle: Chronicle, being: Being, action: Ask): void {
  const { quiet, worker } = being;
  const runs = quiet?.endsAt !== undefined && chronicle.world.sinceBoot < quiet.endsAt;
  const isAgain =
    action.kind === 'quiet' &&
    action.means !== undefined &&
    quiet?.note.stopsWhenIdle === true &&
    quiet.note.isResuming !== true;
  const isFirst = typeof worker.stop.quiet === 'object' && quiet === undefined;
  const isTooEarly = action.kind === 'stop' && action.limit !== 0 && (runs || isFirst);
  if (isAgain || isTooEarly)
    breach(chronicle, 'a command makes it quiet first, and has ended', formatAction(action));
}

/** Whether it was the turn of this process to be asked by this restart. */
function judgeTurn(
  chronicle: Chronicle,
  restart: Requested,
  { instance, pid, worker }: Being,
  { observation: { instances, now }, standings: all }: During,
): void {
  const members = all.get(restart) ?? new Map<string, Standing>();
  const standings = new Map([...members].filter(([name]) => workerNameOf(name) === worker.name));
  const own = [...standings.keys()];
  const count = (...kinds: Standing[]): number =>
    [...standings.values()].filter((kind) => kinds.includes(kind)).length;
  const what = `${restart.id} asks ${instance} pid ${pid}: ${JSON.stringify([...standings])}`;
  const isUnseen = own.some((name) => !instances.has(name) && standings.get(name) !== 'released');
  if (restart.members.get(instance) !== pid || isUnseen || restart.hasFailed)
    breach(chronicle, 'no process is asked after a failure', what);

  const isOwnDeath = (name: string): boolean => {
    const being = chronicle.world.places.get(name);
    return being === undefined || (being.end !== undefined && being.stop === undefined);
  };
  const isDead = (name: string): boolean =>
    standings.get(name) === 'vacant' || standings.get(name) === 'failed';
  const exempt = own.filter((name) => isDead(name) && isOwnDeath(name)).length;
  const down = count('asked', 'vacant', 'starting', 'late', 'failed') - exempt + 1;
  if (down > sizeOf(restart.options.batch ?? worker.restart.batch, worker))
    breach(chronicle, 'the batch is kept', what);

  const overlap = restart.options.overlap ?? worker.restart.overlap;
  const isIdle = (name: string): boolean => instances.get(name)?.activity?.kind === 'idle';
  const busyAsked = own.filter((name) => standings.get(name) === 'asked' && !isIdle(name)).length;
  const extras = extrasOf(chronicle, worker.name) + busyAsked + 1;
  if (overlap && !isIdle(instance) && extras > worker.restart.maxExtra)
    breach(chronicle, 'no more than max_extra leave beside their replacements', what);

  members.set(instance, 'asked');
  const canary = restart.options.canary ?? worker.restart.canary;
  if (!canary || restart.provenWorkers.has(worker.name)) return;
  const { patience } = worker.restart;
  const most = patience === 0 ? Infinity : 1 + Math.floor(Math.max(0, now - restart.at) / patience);
  const isBefore = (name: string): boolean =>
    restart.askedBefore.has(chronicle.world.places.get(name)?.pid ?? -1);
  const canaries = own.filter((name) => !restart.startedByName.has(name));
  const askedOnes = canaries.filter((name) => standings.get(name) === 'asked');
  const ownAsked = askedOnes.filter((name) => !isBefore(name)).length;
  const areAllBusy = own
    .filter((name) => name === instance || standings.get(name) === 'untouched')
    .every((name) => instances.get(name)?.activity?.kind === 'busy');
  const asked = ownAsked > 0 || !areAllBusy ? ownAsked : askedOnes.length;
  const areUnderWay = canaries.some((name) =>
    ['vacant', 'starting'].includes(standings.get(name) ?? ''),
  );
  if (areUnderWay || asked + 1 > most) breach(chronicle, 'canaries go first', what);
}

const sizeOf = (batch: Batch, { identifiers }: Worker): number =>
  batch.kind === 'count'
    ? batch.count
    : Math.max(1, Math.floor((identifiers.length * batch.percent) / 100));

function judgeStart(chronicle: Chronicle, instance: string, what: string): void {
  const { world, stopped, held } = chronicle;
  const inPlace = world.places.get(instance);
  const isWanted =
    wantedNames(world).includes(instance) && !stopped.has(instance) && !held.has(instance);
  const others = world.everyone.filter((being) => being.instance === instance && isAlive(being));
  if (!isWanted || (inPlace && isAlive(inPlace)) || others.some((one) => !one.isRetiring))
    breach(chronicle, 'a place is filled once, and only if it is wanted', what);
}

function judgeMove(
  { world, restarts, ...chronicle }: Chronicle,
  instance: string,
  what: string,
): void {
  const being = world.places.get(instance);
  const restart = restarts.find(({ members }) => members.has(instance));
  const overlap = restart?.options.overlap ?? being?.worker.restart.overlap;
  if (being?.askedAt === undefined || overlap !== true)
    breach(
      { world, restarts, ...chronicle },
      'a place is filled once, and only if it is wanted',
      `${what}, without overlap`,
    );
}

const extrasOf = ({ world }: Chronicle, worker: string): number =>
  [...world.places.values()].filter(
    (being) => being.isRetiring && being.worker.name === worker && isAlive(being),
  ).length;

export function judgeExtras(chronicle: Chronicle): void {
  for (const { name, restart } of chronicle.world.config.workers) {
    const extras = extrasOf(chronicle, name);
    if (extras > restart.maxExtra)
      breach(chronicle, 'no more than max_extra leave beside their replacements', `${extras}`);
  }
}

function judgeKill({ world, limits, ...chronicle }: Chronicle, name: string, what: string): void {
  const being = world.places.get(name);
  const own = being && limits.get(being.pid);
  const isAsked = being !== undefined && being.askedAt !== undefined;
  if (own === undefined || !isAsked || world.sinceBoot < Math.min(...own))
    breach(
      { world, limits, ...chronicle },
      'no process is killed before its time',
      `${what} at ${world.sinceBoot}, limits ${String(own)}`,
    );
}

/** After a pass that was not cut short no process is left that was asked and whose time was over at its beginning. */
export function judgeLimits(chronicle: Chronicle, observation: Observation): void {
  const { sinceBoot } = observation;
  const seen = new Set(allObserved(observation).map((one) => keyOf(refOf(one))));
  const { world, limits, held } = chronicle;
  for (const [name, being] of world.places) {
    const own = limits.get(being.pid);
    const since = being.askedAt;
    if (own === undefined || since === undefined || !isAlive(being)) continue;
    if (!seen.has(name) || held.has(name) || since >= sinceBoot) continue;
    if (Math.max(...own) <= sinceBoot)
      breach(chronicle, 'whoever has a limit is killed in time', `${name} pid ${being.pid}`);
  }
}
