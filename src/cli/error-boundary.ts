import type { ConfigProblem } from '../core/basics/config-problem.ts';
import type { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { shortageIn } from '../host/files/shortage.ts';
import { isJsonWanted } from './parse.ts';
import { print, printError, printJson } from './print.ts';

/** Runs a command; an error that it throws is printed and becomes the exit code. */
export async function errorBoundary(
  argv: readonly string[],
  command: () => Promise<number>,
): Promise<number> {
  try {
    return await command();
  } catch (thrown) {
    const error = shortageIn(thrown) ?? thrown;
    if (isForNagios(argv)) return unknownToNagios(error);
    if (!isExpected(error)) return bug(error);
    if (isJsonWanted(argv, process.env)) {
      const { printedLine } = await import('../output/json/answer.ts');
      const { errorAnswer } = await import('../output/json/error.ts');
      printJson(printedLine(errorAnswer, { error, exitCode: exitCodes[error.code].code }));
    }
    const hint = error.hint === undefined ? '' : `  ${error.hint.replaceAll('\n', '\n  ')}\n`;
    printError(`workerctl: ${error.message}\n${hint}`);
    if (error.problems !== undefined) await annotateProblems(error.problems);
    return exitCodes[error.code].code;
  }
}

/** Whatever goes wrong, a monitoring system gets its own code for it: ours would be warnings and alarms to it. */
const isForNagios = (argv: readonly string[]): boolean =>
  argv.some(
    (word, at) => word === '--format=nagios' || (word === 'nagios' && argv[at - 1] === '--format'),
  );

async function unknownToNagios(error: unknown): Promise<number> {
  const { nagiosCodes, nagiosUnknown } = await import('../output/nagios.ts');
  print(nagiosUnknown(error instanceof Error ? error.message : String(error)));
  if (!isExpected(error)) bug(error);
  return nagiosCodes.UNKNOWN;
}

async function annotateProblems(problems: readonly ConfigProblem[]): Promise<void> {
  const { annotationOf, isGitHubWorkflow } = await import('../output/annotations.ts');
  if (isGitHubWorkflow(process.env)) printError(problems.map(annotationOf).join(''));
}

/** Known by its name: the demo is a separate bundle with its own copy of the class. */
const isExpected = (error: unknown): error is WorkerctlError =>
  error instanceof Error && error.name === 'WorkerctlError';

function bug(error: unknown): number {
  const stack = error instanceof Error ? error.stack : String(error);
  printError(
    `${String(stack)}\nworkerctl ${VERSION}: this is a bug in workerctl. It has killed no worker because of it. Please report it\nwith the lines above; the README says where.\n`,
  );
  return exitCodes.bug.code;
}
