import { hostname } from 'node:os';
import type { Config } from '../core/model/config.ts';
import { createHookRunner } from '../engine/hooks/background.ts';
import { createQuietCommands } from '../engine/apply/running-commands.ts';
import type { Context } from '../engine/session.ts';
import { createReadinessProbe } from '../host/worker/readiness-probe.ts';
import { createMemoryTracker } from '../host/state/memory-samples.ts';
import { createSilenceTracker } from '../host/state/silence.ts';
import { userAtHost } from '../host/worker/environment.ts';

/** What differs from command to command. */
type OfCommand = Pick<Context, 'command' | 'signal' | 'releases' | 'report' | 'progress'> &
  Partial<Pick<Context, 'probe' | 'silence' | 'startsOutside'>>;

/** What a command that acts on `config` works with. */
export function contextFor(config: Config, own: OfCommand): Context {
  return {
    config,
    hostName: hostname(),
    by: userAtHost(),
    probe: createReadinessProbe(),
    silence: createSilenceTracker(config.stateDir),
    memory: createMemoryTracker(config.stateDir),
    hooks: createHookRunner(),
    quietCommands: createQuietCommands(),
    ...own,
  };
}
