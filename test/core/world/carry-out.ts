import { keyOf } from '../../../src/core/model/instance.ts';
import type { Action, ActionOf } from '../../../src/core/model/action.ts';
import { formatAction } from '../../../src/core/model/plan.ts';
import type { Asking, ProcessRecord } from '../../../src/core/model/record.ts';
import { workerNameOf } from '../../../src/core/model/targets.ts';
import { durationOf, momentOf, type Duration, type Moment } from '../../../src/core/basics/time.ts';
import { goodFate, isAlive, processOf, type Being } from './being.ts';
import { die, type World } from './world.ts';

/** Does to the world what `apply` does. */
export function carryOut(world: World, action: Action): void {
  const { instance } = action;
  switch (action.kind) {
    case 'adopt':
    case 'dump':
    case 'leftovers':
    case 'rotate':
      throw new Error(`that was not wanted here: ${formatAction(action)}`);
    case 'write_pidfile':
      world.pidfiles.set(instance, action.pid);
      return;
    case 'remove_pidfile':
      world.pidfiles.delete(instance);
      return;
    case 'clean_up':
      world.places.delete(keyOf(action));
      return;
    case 'start':
      begin(world, instance);
      return;
    case 'limit':
    case 'kill':
    case 'stop':
    case 'quiet':
    case 'resume':
    case 'retire': {
      const being = world.places.get(keyOf(action));
      if (being === undefined) throw new Error(`no process is there: ${formatAction(action)}`);
      actOn(world, being, action);
    }
  }
}

type OnProcess = Extract<
  Action,
  { kind: 'limit' | 'kill' | 'stop' | 'quiet' | 'resume' | 'retire' }
>;

function actOn(world: World, being: Being, action: OnProcess): void {
  const { instance } = action;
  const at = world.sinceBoot;
  switch (action.kind) {
    case 'limit': {
      const { stop } = being;
      if (stop === undefined) throw new Error(`it was not asked: ${formatAction(action)}`);
      const { deadline } = action;
      being.stop = { ...stop, note: { ...stop.note, deadline, endsSession: true } };
      return;
    }
    case 'kill':
      if (isAlive(being)) die(world, being, { kind: 'signalled', signal: 9, coreDumped: false });
      return;
    case 'stop':
      being.askedAt ??= at;
      being.stop ??= { at, note: { ...askingOf(world, being, action), signal: action.signal } };
      return;
    case 'quiet':
      quieten(world, being, action);
      return;
    case 'resume':
      delete being.askedAt;
      if (typeof action.means === 'string') delete being.quiet;
      else if (being.quiet !== undefined) {
        const commandUntil = durationOf(at + action.means.timeout);
        const note = { ...being.quiet.note, commandUntil, isResuming: true };
        being.quiet = { ...being.quiet, note, endsAt: at + being.fate.commandTakes };
      }
      return;
    case 'retire':
      being.isRetiring = true;
      world.places.set(keyOf({ instance, retiring: action.runId }), being);
      world.places.delete(instance);
      return;
  }
}

function quieten(world: World, being: Being, action: ActionOf<'quiet'>): void {
  const { means, stopsWhenIdle } = action;
  const { quiet, fate } = being;
  const at = world.sinceBoot;
  if (stopsWhenIdle) being.askedAt ??= at;
  else delete being.askedAt;
  const asking = { ...askingOf(world, being, action, stopsWhenIdle), stopsWhenIdle };
  if (typeof means === 'string') being.quiet = { at, note: { ...asking, signal: means } };
  else if (means !== undefined) {
    const commandUntil = durationOf(at + means.timeout);
    being.quiet = { at, note: { ...asking, commandUntil }, endsAt: at + fate.commandTakes };
  } else if (quiet !== undefined) {
    const { signal, commandUntil } = quiet.note;
    const how = { ...(signal && { signal }), ...(commandUntil && { commandUntil }) };
    being.quiet = { ...quiet, note: { ...asking, ...how } };
  }
}

function askingOf(
  world: World,
  { record, quiet }: Being,
  { cause, limit, at }: { cause: string; limit?: Duration; at?: Moment },
  isToExit = true,
): Asking {
  const isPrelude = quiet?.note.stopsWhenIdle === true && quiet.note.isResuming !== true;
  const prelude = isPrelude && isToExit ? quiet.note : undefined;
  const deadline =
    prelude?.deadline ?? (limit === undefined ? undefined : durationOf(world.sinceBoot + limit));
  return {
    process: processOf(record),
    sent: true,
    at: at ?? prelude?.at ?? momentOf(world.wallClock),
    cause,
    ...(deadline !== undefined && { deadline }),
  };
}

function begin(world: World, instance: string): void {
  const { everyone, config, sinceBoot } = world;
  const worker = config.workers.find(({ name }) => name === workerNameOf(instance));
  if (worker === undefined) throw new Error(`no worker of ${instance}`);
  const pid = 100 + everyone.length;
  const fate = world.isPeaceful
    ? goodFate
    : (world.fates[everyone.length % world.fates.length] ?? goodFate);
  const record: ProcessRecord = {
    pid,
    startTime: sinceBoot / 10,
    bootId: 'boot',
    instance,
    runId: `start-${pid}`,
    shimPid: pid - 1,
    startedAt: momentOf(world.wallClock),
    commandDigest: 'digest',
    stopSignal: worker.stop.signal,
    log: { path: '/log', offset: 0 },
  };
  const being: Being = {
    pid,
    instance,
    worker,
    fate,
    record,
    bornAt: sinceBoot,
    jumpsBefore: world.jumps,
    wasNotedReady: false,
    isRetiring: false,
  };
  everyone.push(being);
  world.places.set(instance, being);
  world.pidfiles.set(instance, pid);
}
