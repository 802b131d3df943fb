import { dirname } from 'node:path';
import { lookup } from '../../core/basics/lookup.ts';
import { nearest } from '../../core/basics/nearest.ts';
import type { Fleet, FleetHost } from '../../core/model/fleet.ts';
import type { Problem } from '../problems.ts';
import { readText } from '../reading.ts';
import type { Slot } from '../yaml/tree.ts';
import { fleetSection, type FleetFile } from './keys.ts';

/** A key that belongs to the top level and stands below a host is named as such. */
const places = { top: Object.keys(fleetSection.keys), worker: [] };

/**
 * The fleet that this text means in this file.
 * @throws WorkerctlError `config`, which names every problem with its file, line and column
 */
export function parseFleet(file: string, text: string): Fleet {
  const { root, wrong, report, refuse } = readText(file, text);
  const read = fleetSection.read(root, { path: [], base: dirname(file), places, report });
  refuse(wrong);
  if (read === null) throw new Error(`${file}: refused without a problem`);
  refuse(unknownCanary(read, root));
  return fleetOf(file, read);
}

function unknownCanary({ canary, hosts }: FleetFile, root: Slot): readonly Problem[] {
  if (canary === undefined || canary === 'none' || lookup(hosts, canary) !== undefined) return [];
  const slot = root.found.kind === 'map' ? root.found.entries.get('canary') : undefined;
  const meant = nearest(canary, Object.keys(hosts));
  return [
    {
      path: ['canary'],
      offset: slot?.offset ?? 0,
      expected: 'one of the hosts, or none',
      found: JSON.stringify(canary),
      ...(meant !== undefined && { hint: `did you mean "${meant}"?` }),
    },
  ];
}

function fleetOf(path: string, file: FleetFile): Fleet {
  const { user, config, workerctl, order, canary, hosts: named, ...rest } = file;
  const hosts = Object.entries(named).map(([name, own]): FleetHost => ({
    name,
    workerctl,
    ...(user !== undefined && { user }),
    ...(config !== undefined && { config }),
    ...own,
    groups: own.groups ?? [],
  }));
  const ordered = inOrder(hosts, order);
  const first = canary ?? ordered[0]?.name;
  return {
    path,
    ...rest,
    hosts: ordered,
    ...(first !== undefined && first !== 'none' && { canary: first }),
  };
}

function inOrder(hosts: readonly FleetHost[], order: FleetFile['order']): readonly FleetHost[] {
  switch (order) {
    case 'listed':
      return hosts;
    case 'reversed':
      return hosts.toReversed();
    case 'name':
      return hosts.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  }
}
