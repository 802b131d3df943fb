import type { Duration } from '../basics/time.ts';
import type { Batch } from './config.ts';

/** One host of a fleet: where it is reached, and what is run there. */
export interface FleetHost {
  /** As ssh(1) knows it: an address, or a name of the user's ssh_config. */
  readonly name: string;
  readonly groups: readonly string[];
  /** The account there; undefined: ssh decides. */
  readonly user?: string;
  /** The path of workerctl there. */
  readonly workerctl: string;
  /** The path of the config there; undefined: workerctl looks for it. */
  readonly config?: string;
}

/** The hosts of fleet.yaml, and how a restart goes through them. */
export interface Fleet {
  /** Of fleet.yaml; absolute. */
  readonly path: string;
  /** In the order in which they are restarted. */
  readonly hosts: readonly FleetHost[];
  /** The host that is restarted before all others; undefined: none is. */
  readonly canary?: string;
  /** How many hosts are restarted at the same time. */
  readonly batch: Batch;
  /** How many hosts may fail before no other is begun. */
  readonly maxFailed: number;
  readonly connectTimeout: Duration;
  /** How long a host that is connected may say nothing. */
  readonly answerTimeout: Duration;
  /** How many connections there are at once, at most. */
  readonly connections: number;
  /** The program that connects, with its first words. */
  readonly ssh: readonly string[];
}
