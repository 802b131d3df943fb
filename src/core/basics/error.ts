import type { ConfigProblem } from './config-problem.ts';

import type { ExitCodeName } from './exit-codes.ts';

/** What went wrong; the command ends with the exit code of this name. */
export type ErrorCode = Extract<
  ExitCodeName,
  'usage' | 'config' | 'state' | 'locked' | 'failed' | 'shortage' | 'conflict' | 'absent' | 'notRun'
>;

/**
 * The command cannot continue, and not because of a bug: the message says what was expected and what was found, the hint what
 * to do. Any other error is a bug, and ends the command with a stack trace and exit code 70.
 */
export class WorkerctlError extends Error {
  override readonly name = 'WorkerctlError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** What is wrong in the text of the config; the message names the same. Undefined for all other errors. */
  readonly problems: readonly ConfigProblem[] | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown; problems?: readonly ConfigProblem[] } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
    this.problems = options.problems;
  }
}
