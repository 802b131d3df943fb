import { dirname, resolve } from 'node:path';
import { unescapedSpecifiers } from './specifiers.ts';

/** Where the state directory is when the config says nothing of it, from the config's folder. */
export const defaultStateDir = '.workerctl';

/**
 * Where the state directory of a config most likely is, without understanding its text: for who looks there for what the
 * text means, and believes nothing else.
 */
export function likelyStateDir(file: string, text: string): string {
  const found = /(?:^|[{,\s])["']?state_dir["']?[ \t]*:[ \t]*["']?([^\s"'#,}]+)/.exec(text)?.[1];
  return resolve(dirname(file), unescapedSpecifiers(found ?? defaultStateDir));
}
