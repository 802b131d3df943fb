import { errorBoundary } from './cli/error-boundary.ts';
import { parseInvocation } from './cli/parse.ts';
import { isOutputIncomplete, print } from './cli/print.ts';
import { inState } from './commands/in-state.ts';
import { commands } from './commands/table.ts';
import { exitCodes } from './core/basics/exit-codes.ts';
export { traits } from './host/process/traits.ts';

/**
 * The whole program: arguments and working directory in, exit code out. Expected errors are printed; none is thrown.
 */
export async function main(argv: readonly string[], directory?: string): Promise<number> {
  const code = await errorBoundary(argv, async () => {
    const caller = { env: process.env, directory, inState };
    const invocation = await parseInvocation(argv, commands, caller);
    if (invocation.kind === 'run') return invocation.run();
    print(invocation.text);
    return exitCodes.done.code;
  });
  return code === exitCodes.done.code && isOutputIncomplete() ? exitCodes.failed.code : code;
}

/** Runs the program in this process; `directory` is undefined if the working directory was removed. */
export function run(directory: string | undefined): void {
  // Files and directories that workerctl makes do not depend on the caller's umask; each worker gets its own.
  process.umask(0o022);
  void main(process.argv.slice(2), directory).then((code) => {
    // All is written and closed by now. Waiting until the event loop is empty would cost another garbage collection.
    process.exit(code);
  });
}
