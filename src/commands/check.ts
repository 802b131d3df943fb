import { hostname } from 'node:os';
import { loadConfig } from '../config/load.ts';
import { configWarnings } from '../config/host-warnings.ts';
import { workerPath } from '../core/model/launch.ts';
import type { Config } from '../core/model/config.ts';

export interface CheckOutcome {
  readonly kind: 'check';
  readonly config: Config;
  /** What will be in the way of a start on this host, such as a folder that is not there; a line each. */
  readonly warnings: readonly string[];
}

/** Reads and checks the config at `path`. Throws the `config` error of loadConfig when it is wrong. */
export function check({ path }: { readonly path: string }): CheckOutcome {
  const config = loadConfig(path);
  const host = { name: hostname(), path: workerPath };
  return { kind: 'check', config, warnings: configWarnings(config, host) };
}
