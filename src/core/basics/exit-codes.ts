/** Every exit code of workerctl and what it means. Each `--help` and the table in the README take their lines from here. */
export const exitCodes = {
  done: { code: 0, means: 'done' },
  failed: {
    code: 1,
    means: 'failed: an instance could not be started, asked or replaced; a problem was found',
  },
  usage: { code: 2, means: 'wrong usage: an unknown command, option or target' },
  /** Only `status`. */
  notReady: { code: 3, means: 'status: fewer instances are ready than wanted' },
  unknown: {
    code: 4,
    means: 'op, fleet: how the command has ended is not known, or a host does not answer',
  },
  ended: { code: 5, means: 'another command has ended this restart, or taken it over' },
  /** EX_USAGE of sysexits.h. */
  conflict: { code: 64, means: 'another command has the id that --op gives' },
  /** EX_NOINPUT of sysexits.h. */
  absent: { code: 66, means: 'op: no operation with this id was begun' },
  /** EX_UNAVAILABLE of sysexits.h. Only `trigger`. */
  noWatch: { code: 69, means: 'trigger: no watch is running' },
  /** EX_SOFTWARE of sysexits.h. */
  bug: { code: 70, means: 'a bug in workerctl' },
  /** EX_OSERR of sysexits.h. */
  shortage: { code: 71, means: 'the host has too few file descriptors, processes or memory' },
  /** EX_CANTCREAT of sysexits.h. */
  state: { code: 73, means: 'the state directory cannot be used' },
  /** EX_TEMPFAIL of sysexits.h. */
  locked: { code: 75, means: 'another command is busy' },
  /** EX_CONFIG of sysexits.h. */
  config: { code: 78, means: 'the config is missing or wrong' },
  /** As timeout(1). */
  timedOut: { code: 124, means: '--wait is over' },
  /** As env(1) and timeout(1) for a command that cannot be run. Only `bin/workerctl`, before anything is loaded. */
  oldNode: { code: 126, means: 'this version of Node.js is too old' },
  /** As env(1) and timeout(1). */
  notRun: { code: 127, means: 'exec, shell: the program cannot be run' },
  /** 128 and the number of the signal, as a shell has it: SIGINT. */
  interrupted: { code: 130, means: 'interrupted' },
} as const satisfies Readonly<Record<string, ExitCode>>;

export interface ExitCode {
  readonly code: number;
  readonly means: string;
}

export type ExitCodeName = keyof typeof exitCodes;

/** The exit code of a command that signal number `signal` has ended. */
export const exitCodeOfSignal = (signal: number): number => 128 + signal;

/** All exit codes with their meanings, for people. */
export const exitCodeRows: readonly (readonly [code: string, means: string])[] = Object.values(
  exitCodes,
).map(({ code, means }) =>
  code === exitCodes.interrupted.code
    ? ['128+n', `ended by signal n; ${code}: Ctrl-C`]
    : [String(code), means],
);
