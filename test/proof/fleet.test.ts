// `fleet restart` is killed at 20 moments and run again with its id: whatever had been begun, each instance is asked once.
import { expect, test } from 'vitest';
import { createFleet } from '../rig/fleet.ts';
import { pause } from '../rig/wait.ts';

const moments = 20;

test('a controller that is killed at any moment and run again must restart everything once', async () => {
  const hosts = ['web1', 'web2', 'web3'];
  let wholeMs = 0;
  for (let moment = 0; moment <= moments; moment += 1) {
    const fleet = createFleet(hosts, { batch: 1 });
    expect((await fleet.ask('start')).exitCode).toBe(0);
    const begun = Date.now();
    const first = fleet.fleet('restart', '--op', 'deploy-1', '--json');
    // The first is not killed, and shows how long it takes.
    if (moment > 0) {
      await Promise.race([first, pause((wholeMs * moment) / moments)]);
      first.kill('SIGKILL');
    }
    await first;
    if (moment === 0) wholeMs = Date.now() - begun;
    const again = await fleet.ask('restart', '--op', 'deploy-1');
    const message = `killed at moment ${moment}: ${again.all}`;
    expect(again.exitCode, message).toBe(0);
    expect(again.states, message).toEqual(hosts.map((host) => `${host} done`));
    expect(
      hosts.map((host) => fleet.journal(host, 'draining').length),
      message,
    ).toEqual([1, 1, 1]);
    expect((await fleet.ask('status')).exitCode, message).toBe(0);
    expect((await fleet.ask('stop')).exitCode, message).toBe(0);
  }
});
