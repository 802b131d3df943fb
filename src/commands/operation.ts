import { basename, dirname } from 'node:path';
import { defineCommand } from '../cli/command.ts';
import { errorBoundary } from '../cli/error-boundary.ts';
import { parseInvocation } from '../cli/parse.ts';
import { recordPrinted } from '../cli/print.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { recordOperation } from '../engine/operations/record.ts';
import { readOperation } from '../host/state/operation-files.ts';
import { orCannotWrite } from '../host/state/reserve.ts';
import { inState } from './in-state.ts';
import { operable } from './operable.ts';

/** `workerctl operation`. */
export const command = defineCommand({
  summary: 'Run a command that was given an id with --op.',
  operands: 'DIRECTORY',
  isInternal: true,
  description: `
workerctl starts it in the background. It does nothing if the operation was begun before, whatever has
become of it.`,
  options: {},
  examples: [['workerctl operation /srv/app/.workerctl/operations/deploy-42']],
  exitCodes: { done: 'the exit code of the operation, or it was begun before' },
  run: async ({ targets: [folder = '', ...others] }) => {
    const stateDir = dirname(dirname(folder));
    const operation = others.length > 0 ? undefined : readOperation(stateDir, basename(folder));
    if (operation === undefined)
      throw new WorkerctlError('usage', 'operation: expected the directory of an operation');
    const recorder = orCannotWrite(folder, 'nothing was done', () => recordOperation(folder));
    if (recorder === undefined) return 0;
    recordPrinted(recorder);
    // Both kinds of readers are served, whatever the environment says.
    const argv = ['--json', ...operation.words];
    const code = await errorBoundary(argv, async () => {
      const caller = { env: {}, directory: '/', inState };
      const invocation = await parseInvocation(argv, operable, caller);
      if (invocation.kind === 'run') return invocation.run();
      throw new Error('an operation is a command that runs');
    });
    recorder.end(code);
    return code;
  },
});
