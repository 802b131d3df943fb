import type { Worker } from '../../core/model/config.ts';
import { digest } from '../files/crypto.ts';
import { asUserOf } from '../process/as-user.ts';
import { silentPaths } from '../process/silent-paths.ts';
import { textOrEmpty } from '../files/bounded-read.ts';

/**
 * Twelve hexadecimal digits that differ if the config starts a worker differently: by its command, directory,
 * environment or user. They are the same for all its instances, so a file that only one of them reads counts by its name alone.
 */
export const commandDigestOf = (worker: Worker): string => {
  const { command, directory, env, envFiles, passEnv, runAs, noNewPrivs } = worker;
  const texts = asUserOf(worker, () =>
    envFiles.map((path) => [path, silentPaths.has(path) ? '' : textOrEmpty(path)]),
  );
  const rights = runAs === undefined && !noNewPrivs ? [] : [{ ...runAs, noNewPrivs }];
  return digest(JSON.stringify([command, directory, env, texts, passEnv, ...rights]), 12);
};
