// workerctl under a real systemd: boots, deploys, crashes and shutdowns, in machines of systemd-nspawn.
import { writeFileSync } from 'node:fs';
import { describe, expect, test, type TestContext } from 'vitest';
import { readOr } from '../rig/files.ts';
import { until } from '../rig/wait.ts';
import {
  app,
  config,
  createApplication,
  createHost,
  cutJobs,
  installUnit,
  killAtLogout,
  type Application,
  type Host,
} from './systemd/host.ts';
import { rootTree } from './systemd/machine.ts';

const tree = rootTree();
const hostWith = (context: TestContext, prepare?: (host: Host) => Promise<void>): Promise<Host> =>
  createHost(tree ?? '', context, prepare);

const units = 'etc/systemd/system';

/**
 * Shuts the host down while one worker of each application has a job of 5 s and the other one of 40 s, and boots it again:
 * each must get one TERM and finish its job.
 */
async function rebootDuringJobs(host: Host, others: readonly Application[] = []): Promise<void> {
  const all = [host, ...others];
  const before = all.map(({ story }) => story().length);
  for (const { giveJob } of all) await giveJob('2', 40);
  for (const { giveJob } of all) await giveJob('1', 5);
  await host.powerOff();
  const told = all.map(({ story }, index) => story().slice(before[index]));
  expect(told[0]?.pop(), 'the database must end last').toBe('down database');
  const whole = ['1', '2'].flatMap((id) => [
    `begin ${id}`,
    `term ${id}`,
    `done ${id}`,
    `end ${id}`,
  ]);
  for (const story of told) expect(story.sort()).toEqual(whole.sort());
  await host.boot();
  for (const { pids, story } of all) {
    await pids();
    expect(cutJobs(story())).toEqual([]);
  }
}

/** A deploy over ssh, while one worker has a job. */
async function deploy(host: Host): Promise<void> {
  const before = await host.pids();
  await host.giveJob('1', 3);
  await host.workerctl('restart');
  expect(await host.pids()).not.toBe(before);
  expect(cutJobs(host.story())).toEqual([]);
}

const mainPid = (host: Host): Promise<string> =>
  host.shell('systemctl show -P MainPID workerctl.service');

// Two of the jobs last 40 s, and five machines boot at a time.
describe.runIf(tree !== undefined).concurrent('systemd', { timeout: 400_000 }, () => {
  test('the unit of a watch must outlive deploys, a broken config and a crash, and drain at a restart and a shutdown', async (context) => {
    const host = await hostWith(context, (one) => installUnit(one, ['--longest-job', '2m']));
    await host.pids();
    expect(host.has('.workerctl/events.ndjson'), 'ready only after the first pass').toBe(true);
    const first = await host.pids();
    await host.giveJob('2', 3);
    await host.shell('systemctl restart workerctl.service');
    expect(await host.pids()).not.toBe(first);
    expect(cutJobs(host.story())).toEqual([]);

    await killAtLogout(host, true);
    await deploy(host);

    const text = readOr(host.path(config), '');
    await host.shell('systemctl reload workerctl.service');
    const elsewhere = JSON.stringify({
      ...(JSON.parse(text) as object),
      state_dir: '/srv/app/new',
    });
    for (const wrong of ['{', elsewhere]) {
      writeFileSync(host.path(config), wrong);
      const refused = await host.shell(
        'systemctl reload workerctl.service 2>&1 || echo "failed $?"',
      );
      expect(refused, wrong).toMatch(/failed 1$/);
    }
    writeFileSync(host.path(config), text);
    expect(await host.shell('systemctl is-active workerctl.service')).toBe('active');

    const [watch, pids] = [await mainPid(host), await host.pids()];
    await host.shell(`kill -KILL ${watch}`);
    await until('systemd to start the watch again', async () => {
      const pid = await mainPid(host);
      return pid !== '0' && pid !== watch;
    });
    expect(await host.pids()).toBe(pids);

    await rebootDuringJobs(host);
    expect(host.unexpected()).toEqual([]);
    const [ours = NaN, cron = NaN] = (
      await host.shell(
        'systemctl show -P ActiveEnterTimestampMonotonic workerctl.service cron.service',
      )
    )
      .split(/\n+/)
      .map(Number);
    expect(ours, 'the first pass comes before cron').toBeLessThan(cron);
  });

  test('with --keep-workers a restart of the unit must leave the workers, and a shutdown drain them', async (context) => {
    const host = await hostWith(context, (one) => installUnit(one, ['--keep-workers']));
    await host.pids();
    await rebootDuringJobs(host);
    const pids = await host.pids();
    await host.giveJob('1', 3);
    await host.shell('systemctl restart workerctl.service');
    expect(await host.pids()).toBe(pids);

    await host.shell('systemctl stop workerctl.service');
    await deploy(host);
    const after = await host.pids();
    await host.shell('systemctl start workerctl.service');
    expect(await host.pids()).toBe(after);
    expect(host.unexpected()).toEqual([]);
  });

  test('units that come after a deploy must drain its scopes of the system and of a user at a shutdown', async (context) => {
    const host = await hostWith(context, async (one) => {
      await killAtLogout(one, true);
      await one.shell('loginctl enable-linger deploy');
    });
    const roots = createApplication(host, '/srv/roots', 'root');
    for (const one of [host, roots]) expect(await one.workerctl('start')).not.toContain('login');
    await roots.workerctl('restart');
    expect(await host.units()).toMatch(/^\/user\.slice\/.*\/workerctl-start-[0-9a-f]{8}\.scope$/);
    expect(await roots.units()).toMatch(/^\/system\.slice\/workerctl-restart-[0-9a-f]{8}\.scope$/);
    const pids = (await host.living()) + (await roots.living());
    await installUnit(host);
    await installUnit(host, ['--keep-workers'], roots, 'roots.service');
    expect((await host.living()) + (await roots.living())).toBe(pids);
    await rebootDuringJobs(host, [roots]);
    expect([...host.unexpected(), ...roots.unexpected()]).toEqual([]);
  });

  test('a watch must start nothing while the host shuts down', async (context) => {
    const host = await hostWith(context, (one) => installUnit(one));
    await host.pids();
    // It stops first, and for two seconds: meanwhile the watch runs, and sees a worker die.
    const pidfile = `${app}/.workerctl/jobs.1.pid`;
    host.write(
      `${units}/late.service`,
      `[Unit]\nAfter=workerctl.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\nExecStop=/bin/sh -c 'kill -KILL $$(cat ${pidfile}); sleep 2'\n`,
    );
    await host.shell('systemctl daemon-reload && systemctl start late.service');
    const before = host.story().length;
    await host.powerOff();
    expect(host.story().slice(before)).toEqual(['term 2', 'end 2', 'down database']);
    expect(host.unexpected()).toHaveLength(1);
    await host.boot();
    await host.pids();
  });

  test('a worker whose log is the socket of a service must not start, and say what works', async (context) => {
    const host = await hostWith(context, async (one) => {
      const jobs = { command: `${app}/jobs %i`, log: { file: '/dev/stdout' } };
      one.write(config, JSON.stringify({ workers: { jobs } }));
      await installUnit(one);
    });
    const said = await host.shell('journalctl --no-pager -o cat -u workerctl.service');
    expect(said).toMatch(/jobs\.1: start failed: log \/dev\/stdout: .*systemd-cat -t %n/);
    expect(await host.workerctl('check', '--quiet')).toMatch(/log\.file: .*systemd-cat -t %n/);
  });

  test('the unit of a user must drain at a shutdown', async (context) => {
    const host = await hostWith(context, async (one) => {
      await one.shell('loginctl enable-linger deploy');
      const folder = '/home/deploy/.config/systemd/user';
      const { all, exitCode } = await one.ssh(
        `set -e; mkdir -p ${folder}; workerctl install systemd --user --config ${config} >${folder}/workerctl.service;
         systemctl --user daemon-reload; systemctl --user enable --now workerctl.service`,
      );
      expect(exitCode, all).toBe(0);
      expect(all).not.toContain('enable-linger');
      const [, order = ''] =
        /^workerctl: note: .*(systemctl edit user@1000\.service)/m.exec(all) ?? [];
      expect(order, all).not.toBe('');
      await one.shell(
        `mkdir -p /${units}/user@1000.service.d && printf '[Unit]\\nAfter=database.service\\n' >/${units}/user@1000.service.d/order.conf && systemctl daemon-reload`,
      );
    });
    await host.pids();
    await rebootDuringJobs(host);
    expect(host.unexpected()).toEqual([]);
  });

  test('the timer must do the work of cron, without noise in the journal', async (context) => {
    const host = await hostWith(context, async (one) => {
      const said = await one.shell(`workerctl install timer --write --config ${config}`);
      expect(said).toContain('enable --now workerctl-bootcheck.timer');
      await one.shell(
        'systemctl daemon-reload && systemctl enable --now workerctl-bootcheck.timer',
      );
    });
    await killAtLogout(host, true);
    await host.shell('loginctl enable-linger deploy');
    await deploy(host);
    await host.shell(`kill -KILL $(cat ${app}/.workerctl/jobs.2.pid)`);
    await until(
      'the timer to replace it',
      () => host.story().filter((line) => line === 'start 2').length === 3,
      90_000,
    );
    await host.powerOff();
    await host.boot();
    await host.pids();
    const said = await host.shell('journalctl --no-pager -o cat -u workerctl-bootcheck.service');
    expect(said).toMatch(/jobs\.2: started/);
    expect(said).not.toMatch(/left-over|Finished|Starting/);
    const doctor = (await host.ssh(`workerctl doctor --config ${config}`)).all;
    expect(doctor).toMatch(/^ok +timer workerctl-bootcheck\.timer/m);
  });

  test('systemd-analyze must find nothing wrong in what is printed', async (context) => {
    const host = await hostWith(context);
    const odd = '/srv/an "odd" $path%i\\x';
    host.makeDirectory(odd);
    host.write(`${odd}/workerctl.yaml`, readOr(host.path(config), ''));
    const verify = async (name: string, text: string, ...words: string[]): Promise<void> => {
      host.write(`srv/${name}`, text);
      const command = ['systemd-analyze', ...words, 'verify', `/srv/${name}`].join(' ');
      const { exitCode, all } = await host.ssh(command);
      expect({ name, words, exitCode, all }).toMatchObject({ exitCode: 0, all: '' });
    };
    for (const path of [config, `${odd}/workerctl.yaml`]) {
      const printed = (...words: string[]): Promise<string> =>
        host.printedFor(path, 'install', ...words);
      await verify('a.service', await printed('systemd'));
      await verify('b.service', await printed('systemd', '--keep-workers', '--longest-job', '40m'));
      await verify('c.service', await printed('systemd', '--user'), '--user');
      for (const words of [[], ['--user']]) {
        const [, service = '', timer = ''] = (await printed('timer', ...words)).split(/^# \/.*\n/m);
        await verify('d.service', service, ...words);
        await verify('d.timer', timer, ...words);
      }
    }
  });
});
