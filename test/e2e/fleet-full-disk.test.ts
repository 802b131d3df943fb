// A fleet of which one host has no byte left on the disk of its state directory.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { canMount } from '../rig/full-disk.ts';
import { createFleet } from '../rig/fleet.ts';
import { readOr } from '../rig/files.ts';
import { until } from '../rig/wait.ts';

const inItsNamespace = `
exec nsenter -t "$(cat ../holder)" -U -m --preserve-credentials sh -c 'cd "$0" && exec sh -c "$1"' "$PWD" "$line"
`;

describe.runIf(canMount)('a host with a full disk', () => {
  test('must fail before anything is asked to stop, and be finished with the same id once there is room', async () => {
    const fleet = createFleet(['web1', 'web2', 'web3'], { batch: 1 });
    mkdirSync(fleet.path('web2/.workerctl'));
    const mounting = 'mount -t tmpfs -o size=4M,mode=755 none web2/.workerctl && echo $$ >holder';
    void fleet.rig.shell(`exec unshare -Urm sh -c '${mounting} && exec sleep 1000'`);
    const holder = fleet.path('holder');
    const pid = await until('the mount', () => existsSync(holder) && Number(readFileSync(holder)));
    const disk = `/proc/${pid}/root${fleet.path('web2/.workerctl')}`;
    fleet.connect('web2', inItsNamespace);
    const start = await fleet.ask('start');
    expect(start.exitCode, start.all).toBe(0);
    await fleet.rig.shell(`cat /dev/zero >>'${disk}/full' 2>/dev/null; test -s '${disk}/full'`);
    const asked = (): number =>
      readOr(`${disk}/events.ndjson`, '').split('"kind":"draining"').length - 1;

    const run = await fleet.ask('restart', '--op', 'deploy-1');
    expect(run.states, run.all).toEqual(['web1 done', 'web2 failed', 'web3 untouched']);
    expect(run.exitCode).toBe(1);
    expect(run.hosts[1]?.problem).toMatch(/ENOSPC|no space/i);
    expect(asked()).toBe(0);
    expect(fleet.journal('web3', 'draining')).toEqual([]);

    rmSync(`${disk}/full`);
    const again = await fleet.ask('restart', '--op', 'deploy-1');
    expect(again.exitCode, again.all).toBe(0);
    expect(['web1', 'web3'].map((host) => fleet.journal(host, 'draining').length)).toEqual([1, 1]);
    expect(asked()).toBe(1);
  });
});
