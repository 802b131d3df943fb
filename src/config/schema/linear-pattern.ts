import type * as V8Module from 'node:v8';
import { backtrackingPart } from '../../core/basics/pattern.ts';

/**
 * Why a valid regular expression may take forever to match, in words; undefined if it cannot. V8 has an engine that takes
 * linear time, to which workerctl falls back, but that does not support everything.
 */
export function endlessProblem(source: string): string | undefined {
  const part = backtrackingPart(source);
  if (part !== undefined)
    return `${part} can take forever to match: write it without lookaround and back references`;
  return isLinear(source)
    ? undefined
    : 'it can take forever to match: repeat nothing more than 16 times, groups inside each other included; * and + are allowed';
}

/** The linear engine's, and the one that the patterns of the config have. */
const flags = 'lm';

const linearFlag = 'enable-experimental-regexp-engine';

/** The flag `l` refuses what that engine cannot match. A version of V8 that does not know the flag refuses nothing. */
function isLinear(source: string): boolean {
  const v8: typeof V8Module = process.getBuiltinModule('node:v8');
  v8.setFlagsFromString(`--${linearFlag}`);
  try {
    RegExp(source, flags);
    return true;
  } catch (error) {
    return !/linear time/.test((error as Error).message);
  } finally {
    v8.setFlagsFromString(`--no-${linearFlag}`);
  }
}
