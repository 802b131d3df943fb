import { batch, natural, oneOf, positiveDuration, whole } from '../schema/scalars.ts';
import { section, type Section } from '../schema/section.ts';
import { account, name, sharedCommand } from '../schema/texts.ts';
import { listOf, orWord, recordOf, scalar, type ValueType } from '../schema/value-type.ts';
import type { Slot } from '../yaml/tree.ts';

// The table of the keys of fleet.yaml. The checks, the defaults, the JSON Schema and the reference in docs/fleet.md follow
// from it.

/** ssh(1) would take a name that begins with - for an option. What only a shell understands has no place in one either. */
const hostName = scalar<string>({
  expected: 'the name of a host: letters, digits, and ._:- inside it (at most 255)',
  json: { type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}$' },
});

/** It is quoted, so that no shell expands anything in it. */
const remotePath = scalar<string>({
  expected: 'a path on the host: absolute, or from the home directory there (without ~ and $)',
  json: { type: 'string', pattern: '^[^~$\\u0000-\\u001f-][^$\\u0000-\\u001f]*$' },
});

/** In which order hosts are restarted. */
const orders = ['listed', 'reversed', 'name'] as const;

const accountKeys = {
  user: {
    type: account('user'),
    without: 'the one that ssh uses',
    help: 'The account on the host.',
    example: 'deploy',
  },
  config: {
    type: remotePath,
    without: 'workerctl looks for it',
    help: 'The path of the config on the host.',
    example: '/srv/app/shared/workerctl.yaml',
  },
} as const;

export const hostSection = section({
  groups: {
    type: listOf(name, 'names'),
    without: 'none',
    help: 'Names that several hosts share, for --host.',
    example: ['web'],
  },
  ...accountKeys,
  workerctl: {
    type: remotePath,
    without: 'that of the fleet',
    help: 'The path of workerctl on the host.',
    example: '/opt/workerctl/bin/workerctl',
  },
});

/** `web1:` with nothing behind it is a host about which nothing special is to say. */
const host: ValueType<Section<typeof hostSection.keys>> = {
  ...hostSection,
  read: (slot, reading) =>
    hostSection.read(
      isNull(slot) ? { ...slot, found: { kind: 'map', entries: new Map() } } : slot,
      reading,
    ),
};

const isNull = ({ found }: Slot): boolean => found.kind === 'scalar' && found.value === null;

export const fleetSection = section(
  {
    hosts: {
      type: recordOf(
        hostName,
        host,
        'at least one host (its name, and below it what is special about it)',
        1,
      ),
      required: true,
      help: 'The hosts by name, as ssh knows them: from your ssh_config, or addresses.',
    },
    ...accountKeys,
    workerctl: {
      type: remotePath,
      default: 'workerctl',
      help: 'The path of workerctl on the hosts; a name alone is looked for in the PATH there.',
    },
    order: {
      type: oneOf(orders),
      default: 'listed',
      help: 'In which order hosts are restarted: as they are listed, from the last to the first, or by name.',
    },
    canary: {
      type: orWord(hostName, 'none'),
      without: 'the first host',
      help: 'The host that must be restarted successfully before any other is begun.',
      example: 'web1',
    },
    batch: {
      type: batch,
      default: '25%',
      help: 'How many hosts are restarted at the same time: a number or a percentage of the hosts, at least 1.',
    },
    max_failed: {
      type: natural,
      default: 0,
      help: 'How many hosts may fail before no other is begun. If the canary fails, none is.',
    },
    connect_timeout: {
      type: positiveDuration,
      default: '10s',
      help: 'How long it may take to connect to a host and to log in; rounded up to seconds.',
    },
    answer_timeout: {
      type: positiveDuration,
      default: '30s',
      help: 'How long a host that is connected may take to answer. While it waits for jobs, it must at least run a command within this time.',
    },
    connections: {
      type: whole(1, 32),
      default: 32,
      help: 'How many hosts are connected at once, at most.',
    },
    ssh: {
      type: sharedCommand,
      default: 'ssh',
      help: 'The program that connects, with its first words. It gets options of ssh(1), the host, and a line for the shell there.',
    },
  },
  { expected: 'a map with the key hosts', allowed: /^x-/ },
);

export type FleetFile = Section<typeof fleetSection.keys>;
