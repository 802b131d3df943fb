import { describeErrno } from '../files/errno.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { removeFile } from '../files/json-file.ts';
import { lastLines } from '../logs/tail.ts';
import { readProcess } from '../process/process-table.ts';
import { shimNotesPath, stagingDirectory } from '../state/paths.ts';
import type { StartedShim } from './start-worker.ts';

/** More lines than the block of a shim's notes has. */
const blockLines = 300;

/** Why a shim has published no record, in words: what it says itself, or else what can be seen. */
export function shimProblem(stateDir: string, { instance, pid, end }: StartedShim): string {
  const ended = end();
  if (ended === undefined) return waitingWords(pid());
  if (ended.kind === 'not_run')
    return `${ended.problem.includes('E2BIG') ? 'its command and environment' : '/bin/sh cannot be run'}: ${ended.problem}`;
  // Blank lines follow what the shell has written: see start-worker.ts.
  const notes = lastLines(shimNotesPath(stateDir, instance), 0, blockLines);
  const said = notes.findLast((line) => line !== '');
  if (said?.startsWith('limits: ') === true) return withWords(said, notes);
  if (said?.startsWith('pidfile: ') === true)
    return withWords(said.slice('pidfile: '.length), notes, said);
  const found = writeFailure(stagingDirectory(stateDir));
  if (said !== undefined || found !== undefined) {
    const words = [...(said === undefined ? [] : [withoutPlace(said)]), ...(found ?? [])];
    return `its record cannot be written: ${words.join('; ')}`;
  }
  const how = ended.kind === 'exited' ? `exited with ${ended.status}` : `died: ${ended.signal}`;
  return `its shim ${how} before it wrote a record`;
}

function waitingWords(pid: number | undefined): string {
  if (pid === undefined) return 'its shim was not started in time; the next pass looks again';
  const shim = `its shim, pid ${pid},`;
  return readProcess(pid)?.activity === 'stopped'
    ? `${shim} is stopped (SIGSTOP); kill -CONT ${pid} continues it`
    : `${shim} is running, but has written no record yet; the next pass looks again`;
}

/** Shells begin with their own name and the line: `/opt/workerctl/shim.sh: 148: `, `shim.sh: line 148: `. */
const withoutPlace = (line: string): string => line.replace(/^\S*shim\.sh: (?:line )?\d+: /, '');

/** A shim cannot write down that the disk is full, and some shells only know an `I/O error`: a block is written to find out. */
function writeFailure(folder: string): [string] | undefined {
  const path = `${folder}/probe`;
  try {
    writeFileAtomically(path, ' '.repeat(4096));
    removeFile(path);
    return undefined;
  } catch (error) {
    return [`${folder}: ${describeErrno(error)}`];
  }
}

/** What the shim says itself, and above that what systemd, a program or the kernel has said. */
function withWords(problem: string, notes: readonly string[], said = problem): string {
  const before = notes[notes.lastIndexOf(said) - 1] ?? '';
  return before === '' ? problem : `${problem}: ${withoutPlace(before)}`;
}
