import type * as V8Module from 'node:v8';
import { isQuick } from '../../core/basics/pattern.ts';
import { once } from '../files/once.ts';

/**
 * A regular expression of the config, which cannot hang us: after 50,000 steps back V8 goes on with an engine that takes
 * linear time. The config was checked for what that cannot match. V8 looks at this setting when it first sees a pattern with
 * its flags (since version 14), or at its first match, and again if it has thrown the machine code away; so it stays set. It
 * invalidates the code cache of the bundles that are loaded later, and node:v8 takes 1.5 ms to load: `status` needs neither if
 * all patterns are quick.
 */
export function compilePattern(source: string): RegExp {
  if (!isQuick(source)) limitBacktracking();
  return new RegExp(source, 'm');
}

/**
 * The same for a pattern that is matched with single lines of more than `matchedBytes`, where also a quick one takes long. With
 * the flag `s` it is another pattern to V8 than one of the config that it has seen without the limit.
 */
export function compileForLongTexts(source: string): RegExp {
  limitBacktracking();
  return new RegExp(source, 'ms');
}

const limitBacktracking = once(() => {
  const v8: typeof V8Module = process.getBuiltinModule('node:v8');
  v8.setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
});
