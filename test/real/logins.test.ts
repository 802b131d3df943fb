// Deploys over ssh under a real logind: what a logout, and a shutdown of the host, do to the workers that they have started.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linesOf } from '../rig/files.ts';
import { until } from '../rig/wait.ts';
import {
  app,
  config,
  createHost,
  cutJobs,
  installUnit,
  killAtLogout,
  type Host,
} from './systemd/host.ts';
import { rootTree } from './systemd/machine.ts';

const tree = rootTree();

let host: Host;
const ends: (() => unknown)[] = [];

interface Logins {
  readonly kills: boolean;
  readonly lingers: boolean;
}

/** Starts the workers in a new login, while logind has these rules. @returns what the command has said */
async function startUnder({ kills, lingers }: Logins): Promise<string> {
  await host.workerctl('stop', '--wait', '20s');
  await killAtLogout(host, kills);
  await host.shell(`loginctl ${lingers ? 'enable' : 'disable'}-linger deploy`);
  const said = await host.workerctl('start');
  await loggedOut();
  return said;
}

/** Waits until all logins are over, and logind has ended what it ends with them. */
const loggedOut = (): Promise<boolean> =>
  until('all logins to end', async () => {
    const states = await host.shell(
      'for one in $(loginctl --no-legend list-sessions | cut -c1-8); do loginctl show-session -P State $one; done 2>/dev/null || true',
    );
    return !/active|online|opening/.test(states) && 'yes';
  }).then(Boolean);

// One machine for all: each test sets what logind does.
describe.runIf(tree !== undefined)('logins', { timeout: 170_000 }, () => {
  beforeAll(async () => {
    host = await createHost(tree ?? '', { onTestFinished: (end) => void ends.push(end as never) });
  });
  afterAll(async () => {
    for (const end of ends) await end();
  });

  test('workers that a logout kills must be warned of; no finisher must be promised', async () => {
    const said = await startUnder({ kills: true, lingers: false });
    expect(said).toMatch(/login: .*session-\d+\.scope.* killed when it ends.*enable-linger deploy/);
    await until('the logout to kill both', async () => (await host.living()) === '' && 'yes');

    await host.workerctl('start');
    await loggedOut();
    expect(await host.living()).toBe('');
  });

  test.each([true, false])(
    'workers of a user who lingers must be in a scope and outlive the logout; KillUserProcesses: %s',
    async (kills) => {
      const said = await startUnder({ kills, lingers: true });
      expect(said).not.toContain('login');
      const first = await host.living();
      expect(first).toMatch(/^\d+\n\d+$/);
      expect(await host.units()).toMatch(/^\/user\.slice\/.*\/workerctl-start-[0-9a-f]{8}\.scope$/);

      await restartInBackground();
      expect(await host.living()).not.toMatch(new RegExp(first.replace('\n', '|')));
      expect(await host.units()).toMatch(
        /^\/user\.slice\/.*\/workerctl-restart-[0-9a-f]{8}\.scope$/,
      );
    },
  );

  test('workers that a logout leaves must be warned of a shutdown, and a finisher outlive it', async () => {
    const said = await startUnder({ kills: false, lingers: false });
    expect(said).toMatch(/login: .*session-\d+\.scope.*a shutdown of the host kills them/);
    const first = await host.living();
    expect(first).toMatch(/^\d+\n\d+$/);
    await restartInBackground();
    expect(await host.living()).not.toMatch(new RegExp(first.replace('\n', '|')));
    const doctor = await host.ssh(`workerctl doctor --config ${config}`);
    expect(doctor.stdout).toMatch(/^warning +login session-\d+\.scope: contains/m);
    expect(doctor.stdout).toMatch(/^warning +shutdown: nothing lets the workers finish/m);
  });

  test.each([true, false])(
    'beside a watch, workers must be in its unit, whoever starts them; KillUserProcesses: %s',
    async (kills) => {
      await host.workerctl('stop');
      await installUnit(host);
      expect(await startUnder({ kills, lingers: false })).not.toContain('login');
      const first = await host.living();
      await restartInBackground();
      expect(await host.living()).not.toMatch(new RegExp(first.replace('\n', '|')));
      expect(await host.units()).toBe('/system.slice/workerctl.service');
      await host.shell('systemctl disable --now workerctl.service');
    },
  );
});

/** A restart whose wait is over before a job is: what is left to do is done after the logout, and no job is cut. */
async function restartInBackground(): Promise<void> {
  const finished = (): number =>
    linesOf(host.path(`${app}/.workerctl/events.ndjson`)).filter((line) =>
      line.includes('"kind":"rollout_finished"'),
    ).length;
  const before = finished();
  await host.giveJob('1', 3);
  const { exitCode, all } = await host.ssh(`workerctl restart --wait 300ms --config ${config}`);
  expect(exitCode, all).toBe(124);
  expect(all).toMatch(/a background process|the running watch/);
  await loggedOut();
  await until('the restart to be over', () => finished() > before);
  expect(await host.living()).toMatch(/^\d+\n\d+$/);
  expect(cutJobs(host.story())).toEqual([]);
}
