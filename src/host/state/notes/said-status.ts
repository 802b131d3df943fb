import { existsSync } from 'node:fs';
import { writeFileAtomically } from '../../files/atomic-file.ts';
import { readText, removeFile } from '../../files/json-file.ts';
import { heartbeatPath } from '../paths.ts';

const pathOf = (stateDir: string, base: string, runId: string): string =>
  `${heartbeatPath(stateDir, base, runId)}.status`;

/** What a process has last said about itself by sd_notify(3); undefined: nothing. */
export function readSaidStatus(stateDir: string, base: string, runId: string): string | undefined {
  const path = pathOf(stateDir, base, runId);
  const text = existsSync(path) ? readText(path) : undefined;
  return text?.kind === 'read' ? text.value.trim() || undefined : undefined;
}

/** Keeps what a process says about itself. */
export function writeSaidStatus(stateDir: string, base: string, runId: string, text: string): void {
  writeFileAtomically(pathOf(stateDir, base, runId), `${text}\n`);
}

/** Removes a heartbeat file and the files beside it. */
export function removeHeartbeat(path: string): void {
  for (const end of ['', '.notify', '.status']) removeFile(path + end);
}
