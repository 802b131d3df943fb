import type { Worker } from '../../core/model/config.ts';
import { digest } from '../files/crypto.ts';
import { silentPaths } from '../process/silent-paths.ts';
import { textOrEmpty } from '../files/bounded-read.ts';

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
      envFiles.map((path) => [path, silentPaths.has(path) ? '' : textOrEmpty(path)]),
      passEnv,
    ]),
    12,
  );
