import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isReplaced, type Rollout } from '../../core/model/desired.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { renewalOf, type IsOld } from '../../core/rules/lifecycle.ts';
import { createAttending } from '../../host/state/attended.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import { isInstalled } from '../../host/process/start-detached.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import { hasWatch } from '../../host/sockets/pull-trigger.ts';
import { readDesired } from '../../host/state/desired-file.ts';
import { lockWait } from '../command.ts';
import { observeReported } from '../observe/observe.ts';
import { runPass } from '../pass/pass.ts';
import { workerOf, type Context } from '../session.ts';
import { bringUp } from '../wait/bring-up.ts';
import type { BringUp } from '../wait/coming-up.ts';
import { configKeyOf, newConfigKey } from '../wait/follow-config.ts';
import { finishedInstances, openRollout } from './open-rollout.ts';

/** The config as it is now, and what works with it for a user; the config is read again when its file has changed. */
export type ReadContext = (by: string, signal: AbortSignal) => Promise<Context>;

/**
 * Goes on with a rollout whose command has ended, as that command would, and ends with the rollout, or as soon as a `watch`
 * runs. Does nothing if another finisher of this rollout runs. If it is killed, the next bootcheck goes on.
 */
export async function finish(
  stateDir: string,
  rolloutId: string,
  read: ReadContext,
): Promise<void> {
  const path = lockPathOf(stateDir, rolloutId);
  if (openRollout(stateDir, rolloutId) === undefined) return;
  const [lock] = await lockBackend().tryLock([path]);
  if (lock === undefined) return;
  try {
    removeOldLocks(stateDir);
    let last: Rollout | undefined;
    while (isNeeded(stateDir)) {
      const rollout = openRollout(stateDir, rolloutId);
      if (rollout === undefined) {
        await startPinned(last, read);
        return;
      }
      last = rollout;
      await goOnWith(rollout, read);
    }
  } finally {
    rmSync(path, { force: true });
    await lock.release();
  }
}

/** Not if a watch does the work, nor if our own program was removed by a deploy: then no worker could be started. */
const isNeeded = (stateDir: string): boolean => !hasWatch(stateDir) && isInstalled();

/** Brings up the rollout's instances until all are, or until something has changed that it was begun with. */
async function goOnWith(rollout: Rollout, read: ReadContext): Promise<void> {
  const changed = new AbortController();
  const own = await read(rollout.by, changed.signal);
  const attending = createAttending(own.config.stateDir);
  const context = { ...own, attending };
  const { config, signal } = context;
  const configKey = configKeyOf(config.path);
  const onLook = async (): Promise<void> => {
    const now = openRollout(config.stateDir, rollout.id);
    const isSame = now !== undefined && namesOf(now) === namesOf(rollout);
    const isConfigNew = (await newConfigKey(config.path, configKey)) !== undefined;
    if (!isSame || isConfigNew || !isNeeded(config.stateDir)) changed.abort();
  };
  const files = watchDirectory(config.stateDir, (file) => file === 'state.json');
  try {
    const instances = finishedInstances(config, rollout);
    if (instances.length > 0)
      await bringUp(context, { ...(await known(context, rollout, instances)), onLook });
    // Held instances, and workers that the config no longer has, keep the rollout open until a command changes that.
    for (let round = 0; round < idleRounds; round += 1) {
      await onLook();
      if (signal.aborted || (await files.changes(idleMs, signal)).size > 0) return;
    }
  } finally {
    files.close();
    await attending.close();
    context.probe.dispose();
    await context.hooks.settled();
  }
}

/** If the rollout was rolled back, its workers are pinned: what is down because of it starts on the old release at once. */
async function startPinned(rollout: Rollout | undefined, read: ReadContext): Promise<void> {
  if (rollout === undefined) return;
  const context = await read(rollout.by, new AbortController().signal);
  try {
    const { pins } = readDesired(context.config.stateDir);
    const instances = finishedInstances(context.config, rollout).filter((name) =>
      Object.hasOwn(pins, workerNameOf(name)),
    );
    if (instances.length > 0)
      await runPass(context, { goal: { kind: 'check' }, instances, mayHaveStrays: true, lockWait });
  } finally {
    context.probe.dispose();
    await context.hooks.settled();
  }
}

/** How often to look for a watch and a changed config if there is nothing else to wait for. */
const idleMs = 1_000;

/** After how many of these it looks at the instances again. */
const idleRounds = 60;

/** Which instances the rollout has. */
const namesOf = ({ replaces }: Rollout): string => Object.keys(replaces).join(' ');

/** What is known of the instances already. */
async function known(
  context: Context,
  { id, replaces }: Rollout,
  instances: readonly string[],
): Promise<BringUp> {
  const predecessors = new Map<string, IsOld>();
  for (const name of instances) {
    const { [name]: old } = replaces;
    if (old) predecessors.set(name, (process, record) => isReplaced(old, process, record));
  }
  const observation = await observeReported(context, instances);
  const observed = [...observation.instances.values()];
  const seen = { desired: readDesired(context.config.stateDir), observation };
  const ready = observed.filter((one) => {
    const isOld = predecessors.get(one.name) ?? ((): boolean => false);
    const { state } = renewalOf(one, isOld, workerOf(context.config, one.name), seen);
    return state === 'ready' || state === 'done';
  });
  const launching = observed.filter(
    ({ presence }) => presence.kind === 'alive' && presence.record.launch !== undefined,
  );
  return {
    command: 'restart',
    instances,
    predecessors,
    failed: new Set(),
    launching: new Set(launching.map(({ name }) => name)),
    ready: new Set(ready.map(({ name }) => name)),
    limit: undefined,
    rolloutId: id,
  };
}

const lockPathOf = (stateDir: string, rolloutId: string): string =>
  join(stateDir, `finisher-${rolloutId}.lock`);

/** The lock of a finisher; where locks are not the kernel's, also the directory beside it. */
const lockPattern = /^finisher-([0-9a-f]+)\.lock(?:\.d)?$/;

/** Removes the locks of finishers that were killed. Their rollouts are over: no other finisher will ask for them. */
function removeOldLocks(stateDir: string): void {
  const open = new Set(readDesired(stateDir).rollouts.map(({ id }) => id));
  for (const name of readdirSync(stateDir)) {
    const [, id] = lockPattern.exec(name) ?? [];
    if (id !== undefined && !open.has(id))
      rmSync(join(stateDir, name), { recursive: true, force: true });
  }
}
