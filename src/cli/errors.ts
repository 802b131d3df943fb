import { exitCodeOf, type WorkerctlError } from '../core/basics/error.ts';
import { errorJson } from '../output/json.ts';
import { wantsJson } from './parse.ts';
import { print, printError } from './print.ts';

/** The exit code of a bug. Source: EX_SOFTWARE of sysexits.h. */
const bugCode = 70;

/** Runs a command; what it throws becomes words on standard error and an exit code. */
export async function errorBoundary(
  argv: readonly string[],
  command: () => Promise<number>,
): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (!isExpected(error)) return bug(error);
    const code = exitCodeOf[error.code];
    if (wantsJson(argv, process.env)) print(errorJson(error, code));
    const hint = error.hint === undefined ? '' : `  ${error.hint}\n`;
    printError(`workerctl: ${error.message}\n${hint}`);
    return code;
  }
}

/** By its name: the demo is a bundle of its own, with a class of its own. */
const isExpected = (error: unknown): error is WorkerctlError =>
  error instanceof Error && error.name === 'WorkerctlError';

function bug(error: unknown): number {
  const stack = error instanceof Error ? error.stack : String(error);
  printError(
    `${String(stack)}\nworkerctl ${VERSION}: this is a bug. Nothing was killed. Please report it with the lines above;\nthe README says where.\n`,
  );
  return bugCode;
}
