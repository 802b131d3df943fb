import { constants } from 'node:os';
import { errorBoundary } from './cli/errors.ts';
import { parseInvocation } from './cli/parse.ts';
import { verbs } from './cli/verbs.ts';

/** The whole program: arguments in, exit code out. Expected errors are printed; none is thrown. */
export async function main(argv: readonly string[]): Promise<number> {
  return errorBoundary(argv, async () => {
    const invocation = await parseInvocation(argv, verbs, process.env);
    if (invocation.kind === 'text') {
      process.stdout.write(invocation.text);
      return 0;
    }
    return invocation.verb.run(invocation.options);
  });
}

/** Runs the program in this process. */
export function run(): void {
  survivesClosedPipe();
  void main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}

/** `workerctl restart | head -1` closes our output while we still work: the work goes on without it. */
function survivesClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
    });
  }
}
