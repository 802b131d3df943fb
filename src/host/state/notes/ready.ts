import { existsSync } from 'node:fs';
import { readText, writeStateFile } from '../../files/json-file.ts';
import { readyPath } from '../paths.ts';

/** Whether this run was seen ready. */
export function wasSeenReady(stateDir: string, base: string, runId: string): boolean {
  const path = readyPath(stateDir, base);
  if (!existsSync(path)) return false;
  const text = readText(path);
  return text.kind === 'read' && text.value.trim() === runId;
}

/** Notes that this run is ready. Any command that sees it may note it. */
export function noteReady(stateDir: string, base: string, runId: string): void {
  writeStateFile(readyPath(stateDir, base), `${runId}\n`);
}
