import { Chalk, supportsColor } from 'chalk';
import type { Colours } from './plain.ts';

/** Colours for a terminal; none if NO_COLOR is set (https://no-color.org) or the terminal has none. */
export function coloursFor(env: NodeJS.ProcessEnv): Colours {
  const isUnwanted = (env['NO_COLOR'] ?? '') !== '';
  return new Chalk({ level: isUnwanted || supportsColor === false ? 0 : supportsColor.level });
}
