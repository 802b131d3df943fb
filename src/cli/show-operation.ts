import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import type { OperationEnd } from '../core/model/operation.ts';
import { followOperation, type Followed } from '../engine/operations/follow.ts';
import type { Detached } from '../host/process/start-detached.ts';
import { now } from '../host/process/clock.ts';
import type { Printed } from '../host/state/operation-output.ts';
import { resultLine, type Result } from '../output/json/stream.ts';
import { howEnded, howItRuns, howLost, howToAttach } from '../output/operation.ts';
import { interruption } from './interruption.ts';
import { hasReader, print, printError } from './print.ts';

/** An operation, and who reads about it. */
export interface Shown {
  readonly id: string;
  readonly command: string;
  /** The process that was just started to run it. */
  readonly started?: Detached | undefined;
  readonly isJson: boolean;
}

/** As a shell has it for a command whose reader has gone: 128 and SIGPIPE. */
const readerGone = 141;

/** Shows all that an operation has printed and prints. Returns its exit code once it has ended. */
export async function showOperation(stateDir: string, shown: Shown): Promise<number> {
  const interrupt = interruption();
  const left = new AbortController();
  const last = createLast();
  const show = (printed: Printed): void => {
    last.hear(printed);
    if (printed.to === 'err') printError(printed.text);
    else if ((printed.to === 'json') === shown.isJson) print(printed.text);
    if (!hasReader()) left.abort();
  };
  try {
    const signal = AbortSignal.any([interrupt.signal, left.signal]);
    const followed = await followOperation(stateDir, { ...shown, until: 'ended' }, show, signal);
    if (!hasReader()) return readerGone;
    return conclude(followed, shown, {
      code: interrupt.exitCode(),
      isResultShown: last.isResult(),
    });
  } finally {
    interrupt.dispose();
  }
}

/** Says how far an operation is, once it has begun. If it has ended, returns its exit code. */
export async function showBegun(stateDir: string, shown: Shown): Promise<number> {
  const interrupt = interruption();
  const last = createLast();
  try {
    const followed = await followOperation(
      stateDir,
      { ...shown, until: 'begun' },
      last.hear,
      interrupt.signal,
    );
    const isResultShown = followed.kind === 'ended' && last.isResult();
    if (shown.isJson && isResultShown) print(last.of('json'));
    if (!shown.isJson && followed.kind === 'ended')
      print(`operation ${shown.id} ${howEnded(followed.end, now())}\n`);
    if (!shown.isJson && followed.kind === 'begun')
      print(`operation ${shown.id} ${howItRuns(followed.runner, last.of('out'), now())}\n`);
    return conclude(followed, shown, { code: interrupt.exitCode(), isResultShown });
  } finally {
    interrupt.dispose();
  }
}

/** The last that was printed, for readers of text and of JSON. */
function createLast() {
  const last = { out: '', err: '', json: '' };
  return {
    hear: ({ to, text }: Printed): void => {
      last[to] = text;
    },
    of: (to: Printed['to']): string => last[to],
    isResult: (): boolean => /^\{"schema":\d+,(?:"kind":"result"|"error":)/.test(last.json),
  };
}

function conclude(
  followed: Followed,
  shown: Shown,
  { code, isResultShown }: { readonly code: number; readonly isResultShown: boolean },
): number {
  const { id, command, isJson } = shown;
  const result = (end: Result['end'], exitCode: number): number => {
    if (isJson) print(resultLine({ command, exitCode, ...(end && { end }), operation: id }));
    return exitCode;
  };
  switch (followed.kind) {
    case 'ended':
      if (followed.end.isIncomplete)
        printError(`workerctl: only a part of what operation ${id} has printed could be kept\n`);
      return isJson && !isResultShown
        ? result(endOf(followed.end), followed.end.exitCode)
        : followed.end.exitCode;
    case 'lost':
      printError(`workerctl: operation ${id}: ${howLost(followed)}\n`);
      return result('unknown', exitCodes.unknown.code);
    case 'not_begun':
      throw notBegun(shown, followed.problem);
    case 'begun':
      if (!isJson) print(`${howToAttach(id)}\n`);
      return result('detached', exitCodes.done.code);
    case 'detached':
      printError(`workerctl: operation ${id} goes on; ${howToAttach(id)}\n`);
      return result('detached', code);
  }
}

function endOf({ exitCode }: OperationEnd): Result['end'] {
  if (exitCode === exitCodes.done.code) return 'done';
  if (exitCode === exitCodes.timedOut.code) return 'timed_out';
  return exitCode > 128 ? 'interrupted' : 'failed';
}

/** @returns an error: the command that has asked for it failed, others do not know it */
const notBegun = ({ id, started }: Shown, problem: string): WorkerctlError =>
  new WorkerctlError(
    started === undefined ? 'absent' : 'failed',
    `operation ${id} was not begun, and nothing was done: ${problem}`,
    { hint: 'run the command again with the same --op' },
  );
