// What reads files again and again while it runs: logs, the signs of readiness, a config that may change.
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor } from '../rig/instance.ts';
import { problemOf } from '../rig/output.ts';
import { fixture, heard } from '../rig/programs.ts';
import { createRig, statesOf, type Rig } from '../rig/rig.ts';
import { canMount, withSilentMount } from '../rig/silent-mount.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

test.runIf(canMount)(
  'logs must name a log on it and show the others, and the log itself as soon as that answers',
  async () => {
    const drains = { command: fixture('drains-after-job'), ready: { after: '0s' } };
    const rig = createRig({ mail: drains, logged: { ...drains, log: { file: 'remote/app.log' } } });
    mkdirSync(rig.path('remote'));
    await rig.start();
    appendFileSync(rig.path('log/mail.1.log'), 'near\n');
    appendFileSync(rig.path('remote/app.log'), 'far\n');
    // The process has another log than the config names now: what it writes to is asked about, too.
    rig.configure({ mail: drains, logged: drains });
    let following: ReturnType<Rig['workerctl']> | undefined;
    let said = (): string => '';
    await withSilentMount(rig, async (folder) => {
      following = rig.workerctl('logs', '--follow');
      said = heard(following);
      const shown = await rig.workerctl('logs');
      expect(shown.exitCode, shown.all).toBe(1);
      expect(shown.stdout).toContain('near');
      expect(shown.stderr).toContain(`logged.1: log ${folder}/app.log: fuse.silent at ${folder}`);
      expect(shown.stderr).toContain('has not answered for 5 s');
      await until('the last line', () => said().includes('near'));
      appendFileSync(rig.path('log/mail.1.log'), 'nearer\n');
      await until('a new line', () => said().includes('nearer'));
      expect(said()).not.toContain('far');
    });
    await until('the log that is back', () => said().includes('far'));
    appendFileSync(rig.path('remote/app.log'), 'farther\n');
    await until('its new line', () => said().includes('farther'));
    following?.kill('SIGINT');
    expect((await following)?.exitCode).toBe(130);
    expect(said().match(/\bfar$/gm)).toHaveLength(1);
  },
);

test.runIf(canMount)('status of many must not look at error logs that are on it', async () => {
  const log = { file: 'log/%n.log', error: 'remote/%n.log' };
  const rig = createRig({ mail: { command: ['sleep', '1000'], count: 66, log } });
  mkdirSync(rig.path('remote'));
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  rmSync(rig.path('log/mail.7.log'));
  await withSilentMount(rig, async () => {
    const { exitCode, all } = await rig.workerctl('status');
    expect(exitCode, all).toBe(0);
    expect(all).toContain('66 up');
  });
  expect((await rig.workerctl('status')).all).toMatch(/mail\.7.log was deleted/);
});

test.runIf(canMount)(
  'a worker whose ready.file or release file is on it must not become ready until that answers, and hold up nothing',
  async () => {
    const drains = { command: fixture('drains-after-job') };
    const release = { file: 'remote/REVISION' };
    const rig = createRig(
      { mail: { ...drains, ready: { file: 'remote/%n.ready' } }, other: drains },
      { release },
    );
    mkdirSync(rig.path('remote'));
    writeFileSync(rig.path('remote/REVISION'), 'r1\n');
    expect((await rig.workerctl('start', '--no-wait')).exitCode).toBe(0);
    const { pid } = rig.instance('other.1').process() ?? {};
    writeFileSync(rig.path('remote/mail.1.ready'), '');
    await withSilentMount(rig, async () => {
      const [states, checked, restarted] = await Promise.all([
        statesOf(rig, 'mail'),
        rig.workerctl('check', '--quiet'),
        rig.act('restart', 'other'),
      ]);
      expect(states).toEqual(['mail.1 starting']);
      for (const key of ['release.file', 'workers.mail.ready.file'])
        expect(checked.stderr).toMatch(new RegExp(`${key}: .*has not answered for 5 s`));
      expect(restarted.exitCode, restarted.all).toBe(0);
      await successor(rig.instance('other.1'), pid ?? 0);
    });
    await until('mail.1 to be ready', async () => (await statesOf(rig)).includes('mail.1 ready'));
  },
);

test.runIf(canMount)(
  'a restart and a watch must go on with the config that they have read if it is on it',
  async () => {
    const rig = createRig({ mail: { command: fixture('drains-after-job') } });
    const config = JSON.parse(readFileSync(rig.path('workerctl.yaml'), 'utf8')) as object;
    mkdirSync(rig.path('remote'));
    const defaults = {
      directory: rig.folder,
      log: { file: rig.path('log/%n.log') },
      ready: { after: '100ms' },
      restart: { finisher: false },
    };
    const elsewhere = { state_dir: rig.stateDir, defaults };
    writeFileSync(rig.path('remote/workerctl.yaml'), JSON.stringify({ ...config, ...elsewhere }));
    const named = ['--config', 'remote/workerctl.yaml'];
    const watch = await watching(rig, ...named);
    const mail = rig.instance('mail.1');
    await watch.reports('started', { instance: 'mail.1' });
    const first = await booted(mail);
    await mail.giveJob();
    const restarting = rig.workerctl('restart', ...named);
    await mail.asked();
    await watch.quiet(); // what it knows of mounts is older than this one then
    await withSilentMount(rig, async (folder) => {
      watch.send('SIGHUP');
      const refused = await watch.reports('config_rejected');
      expect(problemOf(refused)).toContain(`${folder} has not answered for 5 s`);
      mail.finishJob();
      const restarted = await restarting;
      expect(restarted.exitCode, restarted.all).toBe(0);
      const second = await successor(mail, first);
      process.kill(second, 'SIGKILL');
      await successor(mail, second);
      const late = await rig.workerctl('watch', ...named);
      expect(late.exitCode, late.all).toBe(78);
      const ended = new Promise((resolve) => watch.running.once('exit', resolve));
      watch.send('SIGTERM');
      expect(await ended).toBe(0);
    });
  },
);
