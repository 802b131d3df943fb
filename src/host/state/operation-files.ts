import {
  closeSync,
  fdatasyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { momentOf } from '../../core/basics/time.ts';
import { flag, integer, listOf, moment, object, text } from '../../core/basics/json-form.ts';
import {
  isOperationId,
  mostOutput,
  operationLife,
  type KnownOperation,
  type Operation,
  type OperationEnd,
  type OperationRunner,
  type OperationState,
} from '../../core/model/operation.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { createFile, syncDirectory } from '../files/atomic-file.ts';
import { randomHex } from '../files/crypto.ts';
import { faultPoint } from '../files/fault-point.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { namesIn } from '../files/names-in.ts';
import { openNewFile } from '../files/new-file.ts';
import { once } from '../files/once.ts';
import { now } from '../process/clock.ts';
import { findProcess, readProcess } from '../process/process-table.ts';
import { exitCodeAtEnd } from './operation-output.ts';
import { orCannotWrite } from './reserve.ts';
import { fileText, identityMembers, readForm } from './schema.ts';

// Each operation has a directory: what was asked for (`operation.json`), who runs it (`runner.json`), what it has printed
// (`output`), and how it has ended (`ended.json`). Each but the output appears once, whole, and is never changed.

const requestForm = once(() =>
  object<Operation>({
    id: ['id', text],
    command: ['command', text],
    words: ['words', listOf(text)],
    by: ['by', text],
    at: ['at', moment],
  }),
);

const runnerForm = once(() =>
  object<OperationRunner>({ ...identityMembers, begunAt: ['begun_at', moment] }),
);

const endForm = once(() =>
  object<OperationEnd>({
    exitCode: ['exit_code', integer],
    at: ['at', moment],
    isIncomplete: ['incomplete', flag],
  }),
);

export const operationsFolder = (stateDir: string): string => `${stateDir}/operations`;

export const operationFolder = (stateDir: string, id: string): string =>
  `${operationsFolder(stateDir)}/${id}`;

const requestPath = (folder: string): string => `${folder}/operation.json`;
const runnerPath = (folder: string): string => `${folder}/runner.json`;
const endPath = (folder: string): string => `${folder}/ended.json`;
export const outputPath = (folder: string): string => `${folder}/output`;

/**
 * Writes down what is asked for, before anything is done about it. Nothing is written if the id is known.
 * @throws WorkerctlError `state` if that is not possible
 */
export function keepOperation(stateDir: string, operation: Operation): void {
  const folder = operationFolder(stateDir, operation.id);
  orCannotWrite(folder, 'nothing was done', () => {
    makeDirectory(folder, 0o755);
    createFile(requestPath(folder), fileText(requestForm(), operation));
    syncDirectory(operationsFolder(stateDir));
    syncDirectory(stateDir);
  });
}

/**
 * An operation and how far it is.
 * @returns undefined if nothing was asked for under this id
 * @throws WorkerctlError `state` if what was asked for cannot be read
 */
export function readOperation(stateDir: string, id: string): KnownOperation | undefined {
  const folder = operationFolder(stateDir, id);
  const request = readForm(requestPath(folder), requestForm);
  if (request.kind === 'absent') return undefined;
  if (request.kind === 'broken')
    throw new WorkerctlError('state', `${requestPath(folder)}: ${request.problem}`, {
      hint: 'it is not run, because it may have been before; give it another id',
    });
  return { ...request.value, state: stateIn(folder) };
}

/** Whether it has ended is asked last: it may end while it is looked for. */
function stateIn(folder: string): OperationState {
  const runner = readForm(runnerPath(folder), runnerForm);
  if (runner.kind === 'absent') return { kind: 'asked' };
  const begun = runner.kind === 'read' ? { runner: runner.value } : {};
  const isAlive = runner.kind === 'read' && findProcess(runner.value) !== undefined;
  const end = readForm(endPath(folder), endForm);
  if (end.kind === 'read') return { kind: 'ended', end: end.value };
  const printed = isAlive ? undefined : endPrinted(outputPath(folder));
  if (printed !== undefined) return { kind: 'ended', end: printed };
  return isAlive ? { kind: 'running', runner: runner.value } : { kind: 'lost', ...begun };
}

/** How an operation has ended whose process was killed between its result and the note of it. */
function endPrinted(path: string): OperationEnd | undefined {
  const exitCode = exitCodeAtEnd(path);
  if (exitCode === undefined) return undefined;
  const { mtimeMs, size } = statSync(path);
  return { exitCode, at: momentOf(Math.round(mtimeMs)), isIncomplete: size >= mostOutput };
}

/** All operations that can be read, the oldest first. */
export function readOperations(stateDir: string): KnownOperation[] {
  return namesIn(operationsFolder(stateDir))
    .filter(isOperationId)
    .flatMap((id) => {
      try {
        return readOperation(stateDir, id) ?? [];
      } catch {
        return [];
      }
    })
    .sort((a, b) => a.at - b.at);
}

/** What the runner of an operation writes. */
export interface OperationRecord {
  /** Adds to the output. @throws the system error */
  readonly append: (line: string) => void;
  /** Says how it has ended. Needs no space on the disk. @throws the system error */
  readonly end: (end: OperationEnd) => void;
}

/**
 * Makes this process the one that runs an operation: there is one ever, also if it is killed at once.
 * @returns undefined if another process is, or was
 * @throws the system error; nothing was done then
 */
export function takeOperation(folder: string): OperationRecord | undefined {
  // The space for the result is taken first: on a disk that is full by then, it can still be written.
  const reserved = `${endPath(folder)}.${process.pid}.new`;
  const end = openNewFile(reserved, 0o644);
  writeSync(end, endText({ exitCode: 0, at: now(), isIncomplete: true }));
  const me = { ...(readProcess(process.pid) as ProcessIdentity), begunAt: now() };
  if (!createFile(runnerPath(folder), fileText(runnerForm(), me))) {
    rmSync(reserved, { force: true });
    return undefined;
  }
  const output = openSync(outputPath(folder), 'a', 0o644);
  let endsLine = true;
  return {
    append: (line) => {
      const bytes = Buffer.from(`${endsLine ? '' : '\n'}${line}\n`);
      endsLine = false;
      if (writeSync(output, bytes) < bytes.length)
        throw new Error('only a part of a line could be written');
      endsLine = true;
    },
    end: (how) => {
      faultPoint();
      writeSync(end, endText(how), 0);
      fdatasyncSync(end);
      renameSync(reserved, endPath(folder));
      faultPoint();
      syncDirectory(folder);
      closeSync(end);
      closeSync(output);
    },
  };
}

/** All such texts have the same length. */
const endText = (end: OperationEnd): string =>
  `${fileText(endForm(), end).trimEnd().padEnd(255)}\n`;

/** Removes operations that are over and older than they are kept. Never fails. */
export function removeOldOperations(stateDir: string): void {
  const folder = operationsFolder(stateDir);
  const oldest = now() - operationLife;
  try {
    for (const name of namesIn(folder)) {
      const path = `${folder}/${name}`;
      // Changed when the result was added.
      const { mtimeMs } = statSync(path);
      if (mtimeMs < oldest && isOver(stateDir, name)) removeWhole(folder, path);
    }
  } catch {
    return; // it is tried again with the next command
  }
}

function isOver(stateDir: string, name: string): boolean {
  return !isOperationId(name) || stateIn(operationFolder(stateDir, name)).kind !== 'running';
}

/** By one rename first: of a half-removed operation it could not be told whether it was run. */
function removeWhole(folder: string, path: string): void {
  const removed = `${folder}/.old-${randomHex(4)}`;
  renameSync(path, removed);
  rmSync(removed, { recursive: true, force: true });
}
