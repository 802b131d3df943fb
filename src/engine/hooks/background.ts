import { existsSync } from 'node:fs';
import { now } from '../../host/process/clock.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { hookFolder } from '../../host/state/hook-spool.ts';
import type { HookScene } from './note.ts';

/** Runs in the background the hooks that passes have spooled. */
export interface HookRunner {
  /** Starts running hooks, if any are spooled. Does not wait for them. */
  readonly kick: (scene: HookScene) => void;
  /** Resolves when no hook runs any more. */
  readonly settled: () => Promise<void>;
}

/** If it cannot be kept when a message is due again. */
const lostRetryMs = 60_000;

function warn(scene: HookScene, instance: string, what: string, error: unknown): void {
  const problem = `${what}: ${describeErrno(error)}`;
  scene.report({ kind: 'warning', problem, at: now(), instance });
}

/** The code that runs hooks is loaded with the first of them. */
export function createHookRunner(): HookRunner {
  let running: Promise<void> | undefined;
  let isKicked = false;
  let latest: HookScene | undefined;
  let again: NodeJS.Timeout | undefined;
  const kick = (scene: HookScene): void => {
    latest = scene;
    if (!existsSync(hookFolder(scene.config.stateDir))) return;
    isKicked = true;
    running ??= run(scene);
  };
  const run = async (scene: HookScene): Promise<void> => {
    try {
      const [{ runHooks }, { deliver }] = await Promise.all([
        import('./run-hooks.ts'),
        import('./deliver.ts'),
      ]);
      for (isKicked = true; isKicked;) {
        isKicked = false;
        // Neither ends while the other runs: hooks that are still running would be run once more.
        const [ran, delivered] = await Promise.allSettled([runHooks(scene), deliver(scene)]);
        if (ran.status === 'rejected') warn(scene, 'hooks', `hooks cannot be run`, ran.reason);
        if (delivered.status === 'rejected')
          warn(
            scene,
            'notify',
            'messages cannot be delivered, or that cannot be noted',
            delivered.reason,
          );
        const retryIn = delivered.status === 'fulfilled' ? delivered.value : lostRetryMs;
        clearTimeout(again);
        if (retryIn === undefined) continue;
        // Only a command that stays has use for it: it keeps none from ending.
        again = setTimeout(() => {
          kick(latest ?? scene);
        }, retryIn).unref();
      }
    } catch (error) {
      warn(scene, 'hooks', 'hooks cannot be run', error);
    } finally {
      running = undefined;
    }
  };
  return { kick, settled: () => running ?? Promise.resolve() };
}
