import { errorBoundary } from './cli/errors.ts';
import { parseInvocation } from './cli/parse.ts';
import { print } from './cli/print.ts';
import { verbs } from './cli/verbs.ts';

/**
 * The whole program: arguments and working directory in, exit code out. Expected errors are printed; none is thrown.
 */
export async function main(argv: readonly string[], directory?: string): Promise<number> {
  return errorBoundary(argv, async () => {
    const invocation = await parseInvocation(argv, verbs, { env: process.env, directory });
    if (invocation.kind === 'text') {
      print(invocation.text);
      return 0;
    }
    return invocation.verb.run(invocation.options);
  });
}

/** Runs the program in this process; `directory` is undefined when the working directory was removed. */
export function run(directory: string | undefined): void {
  // Folders and files are as readable as ever, whatever the caller's umask; workers get their own.
  process.umask(0o022);
  void main(process.argv.slice(2), directory).then((code) => {
    // All is written and closed by now. To let the event loop run out would cost another collection of garbage.
    process.exit(code);
  });
}
