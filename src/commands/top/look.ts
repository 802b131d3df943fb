import { hostname } from 'node:os';
import type { Config } from '../../core/model/config.ts';
import { cpuSample, withCpuNow, type CpuSample } from '../../core/views/cpu-now.ts';
import type { InstanceState } from '../../core/views/instance-state.ts';
import type { Status } from '../../core/views/status.ts';
import type { GlobalOptions } from '../../cli/command.ts';
import { configInForce } from '../../cli/config.ts';
import { createReleaseReader, type ReleaseReader } from '../../engine/observe/release-reader.ts';
import { status } from '../../engine/observe/status.ts';

/** What one look has found. */
export interface Seen {
  readonly config: Config;
  /** With what each process takes of the CPU now. */
  readonly status: Status;
  /** When to look again, in milliseconds. */
  readonly restMs: number;
}

export interface LookRequest {
  readonly global: GlobalOptions;
  readonly targets: readonly string[];
  /** Only instances in these states. */
  readonly state: readonly InstanceState[] | undefined;
}

/** How often it looks, in milliseconds, if a look is cheap. */
const lookMs = 1_000;

/** The most of one CPU that its looks may take: after a dear one, the next comes later. */
const mostCpu = 0.02;

/** Looks at the instances, again and again; the config is read each time. */
export function createLook({ global, targets, state }: LookRequest): () => Promise<Seen> {
  const readerFor = releaseReaders();
  const hostName = hostname();
  let before: CpuSample | undefined;
  return async () => {
    const begun = process.cpuUsage();
    const config = await configInForce(global);
    const releases = readerFor(config);
    const found = await status({ config, hostName, ignoresPidfiles: true }, { targets, releases });
    const shown = withCpuNow(found, before);
    before = cpuSample(found);
    const { user, system } = process.cpuUsage(begun);
    return {
      config,
      status: state === undefined ? shown : inStates(shown, state),
      restMs: Math.max(lookMs, (user + system) / 1000 / mostCpu),
    };
  };
}

const inStates = (found: Status, states: readonly InstanceState[]): Status => ({
  ...found,
  instances: found.instances.filter(({ state }) => states.includes(state)),
});

/** A release command is asked again after this time, in milliseconds. */
const releaseMs = 30_000;

/** The same reader while the config asks for the release in the same way. */
function releaseReaders(): (config: Config) => ReleaseReader {
  let known: { readonly key: string; readonly reader: ReleaseReader } | undefined;
  return (config) => {
    const key = JSON.stringify([config.path, config.release, config.distrust]);
    if (known?.key !== key) {
      const read = createReleaseReader(config);
      known = { key, reader: (age, runAs) => read(Math.max(age, releaseMs), runAs) };
    }
    return known.reader;
  };
}
