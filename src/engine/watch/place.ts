import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { makeDirectory } from '../../host/files/make-directory.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import type { HeldLock } from '../../host/lock/lock-file.ts';
import { triggerPath } from '../../host/sockets/pull-trigger.ts';
import { openTrigger, type Trigger } from '../../host/sockets/trigger.ts';
import { needDescriptors } from '../../host/process/need-descriptors.ts';
import { createAttending, everyInstance, type Attending } from '../../host/state/attended.ts';
import { heartbeatFolder } from '../../host/state/paths.ts';
import { ensureStateDirectory } from '../../host/state/state-directory.ts';
import { findWatch } from './find-watch.ts';
import { createKeptFiles, type KeptFile } from './kept-files.ts';
import { followFiles, mayMeanWork, type Alarm } from './wake.ts';
import type { Context } from '../session.ts';

/** What a watch holds in its state directory while it runs: its lock, the trigger, and the kernel's watch of the files. */
export interface Place {
  /** Keeps further files in place. */
  readonly keep: (files: readonly KeptFile[]) => void;
  /** Whether something was removed or replaced since it was taken. Costs a few system calls. */
  readonly hasChanged: () => boolean;
  /**
   * Takes anew what was removed, with the state directory itself. @returns what could not be taken, and why
   * @throws WorkerctlError `locked` if another watch runs here now, `state` if there can be no state directory
   */
  readonly renew: () => Promise<string | undefined>;
  /** Lets bytes in the trigger count again. */
  readonly rearm: () => void;
  readonly leave: () => Promise<void>;
}

/** The files and pipes that a watch holds, and those that a pass needs besides. */
const usedByWatch = 40;

/** @throws WorkerctlError `locked` if another watch runs here, `state` if the directory or the trigger cannot be used */
export async function takePlace(
  { context, mustStay }: { readonly context: () => Context; readonly mustStay: boolean },
  onChange: Alarm['ring'],
  onByte: () => void,
): Promise<Place> {
  const { stateDir } = context().config;
  ensureStateDirectory(stateDir);
  needDescriptors(usedByWatch);
  let lock: HeldLock | undefined = await takeWatchLock(stateDir);
  let trigger: Trigger | undefined = openTrigger(stateDir, onByte);
  let files: ReturnType<typeof follow> | undefined = follow(stateDir, onChange);
  let attending = attendAll(stateDir);
  const kept = createKeptFiles();
  kept.add([
    {
      path: `${stateDir}/`,
      isVital: true,
      renew: () => {
        files?.close();
        files = undefined;
        restore(stateDir);
        attending = attendAll(stateDir);
        files = follow(stateDir, onChange);
      },
    },
    {
      path: watchLockPath(stateDir),
      endsIfLocked: !mustStay,
      renew: async () => {
        await lock?.release();
        lock = undefined;
        lock = await takeWatchLock(stateDir);
      },
    },
    {
      path: triggerPath(stateDir),
      renew: () => {
        trigger?.close();
        trigger = undefined;
        trigger = openTrigger(stateDir, onByte);
      },
    },
    { path: join(__dirname, 'cli.cjs'), renew: sayReplaced },
  ]);
  return {
    keep: kept.add,
    hasChanged: kept.haveChanged,
    renew: async () => {
      const isLoss = kept.haveChanged();
      const problem = await kept.renew();
      // Only shims make it: without it the workers that live would seem to be silent.
      if (isLoss && context().config.workers.some(({ heartbeat }) => heartbeat !== undefined))
        makeDirectory(heartbeatFolder(stateDir));
      return problem;
    },
    rearm: () => trigger?.rearm(),
    leave: async () => {
      await attending.close();
      files?.close();
      trigger?.close();
      await lock?.release();
    },
  };
}

function attendAll(stateDir: string): Attending {
  const attending = createAttending(stateDir);
  attending.add([everyInstance]);
  return attending;
}

/** The scripts that a start needs may be those of another version by now, or gone. */
function sayReplaced(): never {
  const installed = join(__dirname, '..');
  throw new WorkerctlError('failed', `${installed}: workerctl was replaced or removed`, {
    hint: 'restart the watch: the workers keep running',
  });
}

/** Makes a removed state directory anew, unless its project was removed, too. */
function restore(stateDir: string): void {
  const above = dirname(stateDir);
  if (!existsSync(stateDir) && !existsSync(above))
    throw new WorkerctlError('state', `state directory ${stateDir}: ${above} does not exist`, {
      hint: 'restore it, or end the watch: kill -TERM',
    });
  ensureStateDirectory(stateDir);
}

/** Calls back when files change that may mean work. */
function follow(stateDir: string, onChange: Alarm['ring']): { readonly close: () => void } {
  const ended = new AbortController();
  const { O_RDONLY, O_DIRECTORY } = constants;
  // As long as it is open, no other directory gets its number.
  const fd = openSync(stateDir, O_RDONLY | O_DIRECTORY);
  const files = watchDirectory(stateDir, mayMeanWork);
  void followFiles(files, onChange, ended.signal);
  return {
    close: () => {
      ended.abort();
      files.close();
      closeSync(fd);
    },
  };
}

export const watchLockPath = (stateDir: string): string => join(stateDir, 'watch.lock');

async function takeWatchLock(stateDir: string): Promise<HeldLock> {
  const [lock] = await lockBackend().tryLock([watchLockPath(stateDir)]);
  if (lock !== undefined) return lock;
  const other = findWatch(stateDir);
  const who =
    other === undefined ? 'another workerctl watch' : `workerctl watch, pid ${other.pid},`;
  throw new WorkerctlError('locked', `${who} already runs on ${stateDir}`, {
    hint: 'to make it read its config again: kill -HUP; to end it: kill -TERM',
  });
}
