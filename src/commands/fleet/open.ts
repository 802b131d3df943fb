import { findFleet } from '../../config/fleet/find.ts';
import { parseFleet } from '../../config/fleet/load.ts';
import { readConfigFile } from '../../config/yaml/read-file.ts';
import type { GlobalOptions } from '../../cli/command.ts';
import { interruption, type Interruption } from '../../cli/interruption.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { nearest } from '../../core/basics/nearest.ts';
import type { Fleet, FleetHost } from '../../core/model/fleet.ts';
import { globMatcher } from '../../core/model/glob.ts';
import { distrustOf, untrustedConfig } from '../../host/files/config-trust.ts';
import { vouchFor } from '../../host/files/trusted-path.ts';
import { needDescriptors } from '../../host/process/need-descriptors.ts';
import { sharedConnections } from '../../host/ssh/shared-connections.ts';
import type { Transport } from '../../engine/fleet/ask-host.ts';

/** What every command for a fleet works with. */
export interface OpenFleet extends Transport {
  /** The hosts that are meant, in their order. */
  readonly hosts: readonly FleetHost[];
  readonly interrupt: Interruption;
}

/**
 * The fleet that the options, the environment or the working directory name, and its hosts that the globs name.
 * @throws WorkerctlError `config` if there is none, or others can write it; `usage` for a glob that names nothing
 */
export function openFleet(global: GlobalOptions, globs: readonly string[]): OpenFleet {
  const fleet = readFleet(global);
  const hosts = selectHosts(fleet, globs);
  needDescriptors(16 + 4 * fleet.connections);
  const interrupt = interruption();
  const shared = sharedConnections(process.env);
  return { fleet, hosts, shared, signal: interrupt.signal, interrupt };
}

/** It names the program that connects, and what is run on all hosts. */
function readFleet({ config, directory, trustsConfig }: GlobalOptions): Fleet {
  const path = findFleet({ config, env: process.env, cwd: directory ?? '/' });
  const { text } = readConfigFile(
    path,
    'write one (docs/fleet.md has a first one to copy), or name another file with --config',
  );
  if (trustsConfig === true) vouchFor(path);
  const isNamed = config !== undefined || (process.env['WORKERCTL_FLEET'] ?? '') !== '';
  const distrust = trustsConfig === true ? undefined : distrustOf({ path, isNamed });
  if (distrust !== undefined) throw untrustedConfig(path, distrust);
  return parseFleet(path, text);
}

function selectHosts({ hosts, path }: Fleet, globs: readonly string[]): readonly FleetHost[] {
  if (globs.length === 0) return hosts;
  const matchers = globs.map((glob) => {
    const matches = globMatcher(glob);
    return ({ name, groups }: FleetHost): boolean => [name, ...groups].some(matches);
  });
  globs.forEach((glob, index) => {
    if (hosts.some((host) => matchers[index]?.(host))) return;
    const meant = nearest(glob, [
      ...new Set(hosts.flatMap(({ name, groups }) => [name, ...groups])),
    ]);
    const advice = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new WorkerctlError(
      'usage',
      `--host ${JSON.stringify(glob)}: expected a host, a group or a glob that names one, found none${advice}`,
      { hint: `the hosts are in ${path}` },
    );
  });
  return hosts.filter((host) => matchers.some((isNamed) => isNamed(host)));
}
