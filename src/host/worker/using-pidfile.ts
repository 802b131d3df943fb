import { dirname } from 'node:path';
import type { Rights } from '../../core/model/account.ts';
import { asUserOf } from '../process/as-user.ts';

/** Uses a pidfile that we write: in the state directory it is ours, in any other it is used with the rights of the worker. */
export const usingPidfile = <T>(
  path: string,
  { stateDir, rights }: { readonly stateDir: string; readonly rights: Rights },
  act: (path: string) => T,
): T => asUserOf(dirname(path) === stateDir ? {} : rights, () => act(path));
