import { randomBytes } from 'node:crypto';
import { WorkerctlError } from '../../core/basics/error.ts';
import { durationOf } from '../../core/basics/time.ts';
import { errorIn } from '../../core/rules/error-in-log.ts';
import { describeDistrust, distrustOf } from '../../host/files/config-trust.ts';
import { problemOf, runProgram } from '../../host/process/run-program.ts';

/** How long a config may take to load. */
const timeout = durationOf(10_000);

/** Prints what the module exports, behind a mark that nothing else prints. */
const script = `
const { argv: [, file, mark], exit } = require('node:process');
import(require('node:url').pathToFileURL(file)).then((module) => {
  require('node:fs').writeSync(1, mark + JSON.stringify(module.default ?? module));
  exit(0);
});`;

/**
 * What a module of JavaScript exports, as JSON. It is run by this Node, as this user, with this environment.
 * @throws WorkerctlError `failed` if others can write the file, or if it cannot be run
 */
export async function runJavaScript(path: string, directory: string): Promise<string> {
  const distrust = distrustOf({ path, isNamed: true });
  if (distrust !== undefined)
    throw new WorkerctlError('failed', `${path}: was not run: ${describeDistrust(path, distrust)}`);
  const mark = randomBytes(16).toString('hex');
  const { end, stdout, lastLines } = await runProgram({
    command: [process.execPath, '-e', script, path, mark],
    directory,
    environment: process.env,
    timeout,
  });
  const problem = problemOf(end);
  const at = stdout.indexOf(mark);
  if (problem === undefined && at !== -1) return stdout.slice(at + mark.length);
  throw new WorkerctlError(
    'failed',
    `${path}: could not be read by running it: ${problem ?? 'it exports nothing, or more than can be read'}`,
    { hint: errorIn(lastLines) ?? lastLines.slice(-5).join('\n') },
  );
}
