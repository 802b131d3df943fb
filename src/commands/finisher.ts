import { existsSync } from 'node:fs';
import { defineCommand } from '../cli/command.ts';
import { configToActOn, desiredFor } from '../cli/config.ts';
import { contextFor } from '../cli/context.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { durationOf } from '../core/basics/time.ts';
import { journalEntry } from '../core/events/journal.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { finish, type ReadContext } from '../engine/finisher/finish.ts';
import { createReleaseReader } from '../engine/observe/release-reader.ts';
import { journaled } from '../engine/session.ts';
import { openJournal } from '../host/journal/write.ts';
import { now } from '../host/process/clock.ts';
import { userAtHost } from '../host/worker/environment.ts';

/** `workerctl finisher`. */
export const command = defineCommand({
  summary: 'Continue a restart whose command has ended.',
  operands: 'ROLLOUT',
  isInternal: true,
  description: `
workerctl restart starts it in the background when it stops waiting, unless a watch runs or
restart.finisher is false. It ends with the restart. If it is killed, the next bootcheck goes on.`,
  options: {},
  examples: [['workerctl finisher 5f3c2a9e1b7d4c60']],
  exitCodes: { done: 'the restart is over, or a watch or another finisher continues it' },
  run: async ({ targets, global }) => {
    const [rolloutId, ...others] = targets;
    if (rolloutId === undefined || others.length > 0)
      throw new WorkerctlError('usage', 'finisher: expected the id of a restart', {
        hint: 'workerctl status --json shows the ids',
      });
    const read: ReadContext = async (by, signal) => {
      const file = await configToActOn(global);
      const config = withCounts(file, desiredFor(file));
      const context = contextFor(config, {
        command: 'restart',
        signal,
        releases: createReleaseReader(config),
        report: () => undefined,
        progress: { first: never, every: never, show: () => undefined },
      });
      return journaled({ ...context, by }, openJournal(config.stateDir));
    };
    const { stateDir } = await configToActOn(global);
    try {
      await finish(stateDir, rolloutId, read);
    } catch (error) {
      noteProblem(stateDir, error);
      throw error;
    }
    return exitCodes.done.code;
  },
});

/** No terminal shows what it prints, so its problem goes into the journal, unless the state directory is gone. */
function noteProblem(stateDir: string, error: unknown): void {
  if (!existsSync(stateDir)) return;
  const found = error instanceof Error ? error.message : String(error);
  const problem = `the finisher of a restart has ended: ${found}; the next bootcheck goes on`;
  const entry = journalEntry({ kind: 'warning', problem, at: now(), instance: 'finisher' });
  if (entry !== undefined)
    openJournal(stateDir).append([{ ...entry, by: userAtHost(), command: 'restart' }]);
}

const never = durationOf(Infinity);
