import { journalEntry } from '../../core/events/journal.ts';
import type { Event } from '../../core/events/event.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { hookCommand, type Config, type Occasion, type Worker } from '../../core/model/config.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { hooksOn, occasionOf } from '../../core/rules/occasions.ts';
import { now } from '../../host/process/clock.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { readProcess } from '../../host/process/process-table.ts';
import {
  hookFolder,
  mostSpooled,
  notifyFolder,
  removeSpooled,
  spool,
  type Spooled,
} from '../../host/state/hook-spool.ts';
import { countMissed } from '../../host/state/undelivered.ts';

/** What hooks are run with. */
export interface HookScene {
  readonly config: Config;
  readonly hostName: string;
  readonly report: (event: Event) => void;
}

/** A place in the spool that something which has happened is kept in until it is done. */
interface Slot {
  readonly folder: string;
  readonly id: string;
  readonly hook: Spooled['hook'];
}

/**
 * Spools the hooks and the notification of this event, if there are any for it. This comes before everything else that the
 * event leads to: if the command is killed, a hook may run twice, but it does run.
 * @param id the same if the same thing is reported again
 */
export function noteEvent(
  scene: Pick<HookScene, 'config' | 'report'>,
  id: string,
  event: Event,
  expectedOf?: ProcessIdentity,
): void {
  const { instance } = event;
  const occasion = occasionOf(event);
  const worker = workerIn(scene.config, instance);
  if (occasion === undefined || worker === undefined) return;
  const slots = slotsFor(scene.config, worker, occasion, id);
  const entry = slots.length === 0 ? undefined : journalEntry(event);
  if (entry === undefined) return;
  const kept = { worker: worker.name, instance, event: entry, ...(expectedOf && { expectedOf }) };
  for (const { folder, id: name, hook } of slots)
    spoolOrWarn(scene, folder, name, { hook, ...kept });
}

function spoolOrWarn(
  { config: { stateDir }, report }: Pick<HookScene, 'config' | 'report'>,
  folder: string,
  id: string,
  spooled: Spooled,
): void {
  const isHook = folder === hookFolder(stateDir);
  const what = isHook ? `hook ${spooled.hook}` : 'a notification';
  const warn = (why: string): void => {
    const problem = `${what} cannot be spooled: ${why}`;
    report({ kind: 'warning', problem, at: now(), instance: spooled.instance });
  };
  try {
    if (spool(folder, stateDir, id, spooled)) return;
    if (isHook) warn(`${mostSpooled} hooks wait already`);
    else countMissed(stateDir);
  } catch (error) {
    warn(describeErrno(error));
  }
}

/** A start that is about to be made: it is noted before, because the command may be killed before it can report it. */
export interface ExpectedStart {
  /** It was made: from now on the event says so. */
  readonly made: (event: Event) => void;
  /** It was not made. */
  readonly dropped: () => void;
}

/** Undefined: nothing is called for starts of this instance. */
export function expectStart(
  scene: Pick<HookScene, 'config' | 'report'>,
  instance: string,
  cause: string,
): ExpectedStart | undefined {
  const worker = workerIn(scene.config, instance);
  const at = now();
  const id = `started.${instance}.${at}`;
  const slots = worker === undefined ? [] : slotsFor(scene.config, worker, 'started', id);
  const own = slots.length === 0 ? undefined : readProcess(process.pid);
  if (own === undefined) return undefined;
  noteEvent(scene, id, { kind: 'started', pid: 0, cause, at, instance }, own);
  return {
    made: (event) => {
      noteEvent(scene, id, event);
    },
    dropped: () => {
      for (const slot of slots) removeSpooled(slot.folder, slot.id);
    },
  };
}

function slotsFor(
  { stateDir, notify }: Config,
  { hooks }: Worker,
  occasion: Occasion,
  id: string,
): Slot[] {
  const called = hooksOn(occasion).filter((hook) => hookCommand(hooks, hook) !== undefined);
  return [
    ...called.map((hook) => ({ folder: hookFolder(stateDir), id: `${id}.${hook}`, hook })),
    ...(notify?.on.includes(occasion) === true
      ? [{ folder: notifyFolder(stateDir), id, hook: occasion }]
      : []),
  ];
}

export const workerIn = ({ workers }: Config, instance: string): Worker | undefined => {
  const name = instance.includes('.') ? workerNameOf(instance) : instance;
  return workers.find((worker) => worker.name === name);
};
