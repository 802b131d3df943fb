import { instanceOf, leavingName } from '../../../src/core/leaving.ts';
import { formatAction, type Action } from '../../../src/core/plan.ts';
import type { ProcessRecord, Quieting, Stop } from '../../../src/core/record.ts';
import { workerNameOf } from '../../../src/core/targets.ts';
import { durationOf, momentOf, type Duration } from '../../../src/core/time.ts';
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
      throw new Error(`nobody wanted that here: ${formatAction(action)}`);
    case 'repair':
      world.pidfiles.set(instance, action.pid);
      return;
    case 'forget':
      world.pidfiles.delete(instance);
      return;
    case 'tidy':
      world.places.delete(instance);
      return;
    case 'start':
      begin(world, instance);
      return;
    case 'kill':
    case 'stop':
    case 'quiet':
    case 'resume':
    case 'move': {
      const being = world.places.get(instance);
      if (being === undefined) throw new Error(`nobody is there: ${formatAction(action)}`);
      actOn(world, being, action);
    }
  }
}

type OnProcess = Extract<Action, { kind: 'kill' | 'stop' | 'quiet' | 'resume' | 'move' }>;

function actOn(world: World, being: Being, action: OnProcess): void {
  const at = world.sinceBoot;
  switch (action.kind) {
    case 'kill':
      if (isAlive(being)) die(world, being, { kind: 'signalled', signal: 9, coreDumped: false });
      return;
    case 'stop':
      being.askedAt ??= at;
      being.stop ??= { at, note: noteOf(world, being, action) };
      return;
    case 'quiet': {
      const { isPrelude } = action;
      if (isPrelude) being.askedAt ??= at;
      const note = { ...noteOf(world, being, action), isPrelude };
      being.quiet = { at: being.quiet?.at ?? at, note };
      return;
    }
    case 'resume':
      delete being.quiet;
      return;
    case 'move':
      world.places.set(leavingName(action.instance, action.start), being);
      world.places.delete(action.instance);
      return;
  }
}

function noteOf(
  world: World,
  { record, quiet }: Being,
  {
    signal,
    cause,
    limit,
  }: { signal: Quieting['signal']; cause: string; limit?: Duration | undefined },
): Stop {
  const prelude = quiet?.note.isPrelude === true ? quiet.note : undefined;
  const deadline =
    prelude?.deadline ?? (limit === undefined ? undefined : durationOf(world.sinceBoot + limit));
  return {
    process: processOf(record),
    sent: true,
    signal,
    at: prelude?.at ?? momentOf(world.wallClock),
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
    instance: instanceOf(instance),
    start: `start-${pid}`,
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
  };
  everyone.push(being);
  world.places.set(instance, being);
  world.pidfiles.set(instance, pid);
}
