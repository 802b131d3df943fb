import { Chalk, supportsColor, type ChalkInstance } from 'chalk';

/** Colours for standard output: none in a pipe, and none where NO_COLOR is set (https://no-color.org). */
export function coloursFor(env: NodeJS.ProcessEnv): ChalkInstance {
  const isUnwanted = (env['NO_COLOR'] ?? '') !== '';
  return new Chalk({ level: isUnwanted || supportsColor === false ? 0 : supportsColor.level });
}
