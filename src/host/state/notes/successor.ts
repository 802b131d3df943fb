import { object, text, type Form } from '../../../core/basics/json-form.ts';
import type { ProcessIdentity } from '../../../core/model/process.ts';
import { successorPath } from '../paths.ts';
import { identityOf, processMembers, readNote, writeNote } from './note-file.ts';

interface SuccessorNote extends ProcessIdentity {
  readonly runId: string;
}

const form: Form<SuccessorNote> = object<SuccessorNote>({
  runId: ['run_id', text],
  ...processMembers,
});

/** The process that this run has named as its successor. */
export function readSuccessor(
  stateDir: string,
  base: string,
  runId: string,
): ProcessIdentity | undefined {
  const file = readNote(successorPath(stateDir, base), form, 'a successor');
  return file.kind === 'read' && file.value.runId === runId ? identityOf(file.value) : undefined;
}

/** Notes which process this run has named as its successor. */
export function writeSuccessor(
  stateDir: string,
  base: string,
  runId: string,
  successor: ProcessIdentity,
): void {
  writeNote(successorPath(stateDir, base), form, { runId, ...identityOf(successor) });
}
