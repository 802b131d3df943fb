import { readFileSync } from 'node:fs';
import type { Worker } from '../../core/model/config.ts';
import { digest } from '../files/crypto.ts';
import { withoutWaiting } from '../files/json-file.ts';

/**
 * Twelve hexadecimal digits that differ if the config starts a worker differently: by its command, directory or
 * environment. They are the same for all its instances, so a file that only one of them reads counts by its name alone.
 */
export const commandDigestOf = ({ command, directory, env, envFiles, passEnv }: Worker): string =>
  digest(
    JSON.stringify([
      command,
      directory,
      env,
      envFiles.map((path) => [path, textOf(path)]),
      passEnv,
    ]),
    12,
  );

/** Empty if there is no such file: the name of one that has a specifier in it. */
function textOf(path: string): string {
  try {
    return readFileSync(path, withoutWaiting);
  } catch {
    return '';
  }
}
