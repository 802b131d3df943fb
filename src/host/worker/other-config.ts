import { existsSync } from 'node:fs';
import { realPathOrSelf } from '../files/real-path.ts';

/**
 * Whether a config that has started a process is another one than `ours`: it is still there, and neither the same file nor
 * the same file of another release.
 */
export function isOtherConfig(theirs: string, ours: string): boolean {
  if (theirs === ours || !existsSync(theirs)) return false;
  return ofAnyRelease(realPathOrSelf(theirs)) !== ofAnyRelease(realPathOrSelf(ours));
}

const ofAnyRelease = (path: string): string => path.replace(/\/releases\/[^/]+\//, '/releases/*/');
