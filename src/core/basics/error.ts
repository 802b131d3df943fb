/** What went wrong, by the exit code that it ends the command with. */
export type ErrorCode = 'usage' | 'config' | 'state' | 'locked' | 'failed';

/** The exit code of each kind of error; the numbers are those of sysexits.h where it has one. */
export const exitCodeOf: Readonly<Record<ErrorCode, number>> = {
  failed: 1,
  usage: 2,
  state: 73,
  locked: 75,
  config: 78,
};

/**
 * The command cannot go on, and it is no bug: the message says what was expected and what was found, the
 * hint what to do. Whatever else is thrown is a bug and ends with a stack trace and exit code 70.
 */
export class WorkerctlError extends Error {
  override readonly name = 'WorkerctlError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}
