// 500 hosts: a shell script answers in place of ssh and workerctl, and notes when it begins and ends.
import { chmodSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { linesOf } from '../rig/files.ts';
import { createFleet, type FleetRig } from '../rig/fleet.ts';

const status = JSON.stringify({
  schema: 2,
  ok: true,
  wanted: 1,
  ready: 1,
  instances: [{ instance: 'mail.1', state: 'ready', pid: 7, release: 'b' }],
});

const transport = (folder: string): string => `#!/bin/sh
while [ "$1" != -- ]; do shift; done
host=$2
echo "begin $host" >>'${folder}/calls'
case $host in *7) echo 'ssh: no route to host' >&2; echo "end $host" >>'${folder}/calls'; exit 255 ;; esac
case $3 in
  *restart*) echo "$host" >>'${folder}/restarted'; echo '{"schema":2,"kind":"result","command":"restart","exit_code":0}' ;;
  *) echo '${status}' ;;
esac
echo "end $host" >>'${folder}/calls'
`;

const hosts = Array.from({ length: 500 }, (_, index) => `web${index + 1}`);

function largeFleet(names: readonly string[], keys = {}): FleetRig {
  const fleet = createFleet([], {
    ...keys,
    hosts: Object.fromEntries(names.map((one) => [one, null])),
  });
  writeFileSync(fleet.path('transport'), transport(fleet.rig.folder));
  chmodSync(fleet.path('transport'), 0o755);
  return fleet;
}

/** How many were connected at the same time, at most. */
function mostAtOnce(fleet: FleetRig): number {
  let [now, most] = [0, 0];
  for (const line of linesOf(fleet.path('calls'))) {
    now += line.startsWith('begin') ? 1 : -1;
    most = Math.max(most, now);
  }
  expect(now).toBe(0);
  return most;
}

test('the status of 500 hosts must have each of them, with at most 32 connections at once', async () => {
  const fleet = largeFleet(hosts);
  const { exitCode, states, all } = await fleet.ask('status');
  expect(exitCode, all.slice(-500)).toBe(4);
  expect(states.filter((line) => line.endsWith('unknown'))).toHaveLength(50);
  expect(states.filter((line) => line.endsWith('done'))).toHaveLength(450);
  expect(mostAtOnce(fleet)).toBeLessThanOrEqual(32);
});

test('a restart of 500 hosts must begin each once, the canary first, with at most 32 at a time', async () => {
  const reachable = hosts.filter((host) => !host.endsWith('7'));
  const fleet = largeFleet(reachable, { batch: '100%', canary: 'web42' });
  const { exitCode, hosts: ended, all } = await fleet.ask('restart');
  expect(exitCode, all.slice(-500)).toBe(0);
  expect(ended.every(({ releases }) => releases?.['b'] === 1)).toBe(true);
  const restarted = linesOf(fleet.path('restarted'));
  expect(restarted[0]).toBe('web42');
  expect([...restarted].sort()).toEqual([...reachable].sort());
  expect(mostAtOnce(fleet)).toBeLessThanOrEqual(32);
});
