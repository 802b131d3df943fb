import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { problemOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig } from '../rig/rig.ts';
import { canMount, withSilentMount } from '../rig/silent-mount.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

/** A question to a mount is given up after 5 s; each of these commands asks at most two in turn. */
const boundMs = 20_000;

test.runIf(canMount)(
  'a file system that does not answer must cost its instances their start, and no others',
  async () => {
    const drains = { command: fixture('drains-after-job') };
    const rig = createRig({
      mail: drains,
      remote: { ...drains, directory: 'remote' },
      logged: { ...drains, log: { file: 'remote/app.log' } },
      setting: { ...drains, env_files: ['remote/env'] },
    });
    await withSilentMount(rig, async (folder) => {
      const watch = await watching(rig);
      await watch.reports('started', { instance: 'mail.1' });
      await booted(rig.instance('mail.1'));
      for (const name of ['remote.1', 'logged.1', 'setting.1']) {
        const failed = await watch.reports('start_failed', { instance: name });
        expect(problemOf(failed)).toContain(`${folder} has not answered for 5 s`);
      }
      expect((await rig.workerctl('restart', 'mail')).exitCode).toBe(0);
      const begun = performance.now();
      expect((await rig.workerctl('start', 'logged')).exitCode).toBe(1);
      expect(performance.now() - begun).toBeLessThan(boundMs);
      const ended = new Promise((resolve) => watch.running.once('exit', resolve));
      watch.send('SIGTERM');
      expect(await ended).toBe(0);
    });
  },
);

test.runIf(canMount)(
  'a running worker whose pidfile or log is on it must be shown, checked and stopped',
  async () => {
    const rig = createRig({
      mail: { command: fixture('drains-after-job'), pidfile: 'remote/%n.pid' },
      logged: {
        command: fixture('drains-after-job'),
        log: { file: 'remote/app.log', max_size: '1M' },
      },
    });
    mkdirSync(rig.path('remote'));
    expect((await rig.workerctl('start')).exitCode).toBe(0);
    for (const name of ['mail.1', 'logged.1'])
      await until(`${name} to be up`, () => rig.instance(name).boots().length === 1);
    const pid = Number(rig.instance('mail.1').record()['pid']);
    await withSilentMount(rig, async (folder) => {
      const bounded = async (...words: string[]) => {
        const begun = performance.now();
        const ended = await rig.workerctl(...words);
        expect(performance.now() - begun, words.join(' ')).toBeLessThan(boundMs);
        return ended;
      };
      const checked = await bounded('check', '--quiet');
      expect(checked.exitCode, checked.all).toBe(0);
      const silence = `${folder} has not answered for 5 s`;
      for (const key of ['mail.pidfile', 'logged.log.file'])
        expect(checked.stderr).toMatch(
          new RegExp(`workerctl.yaml:\\d+:\\d+: workers.${key}: .*${silence}`),
        );
      expect((await bounded('status')).all).toMatch(new RegExp(`mail.1 +ready +${pid}`));
      const found = await bounded('bootcheck');
      expect(found.exitCode, found.all).toBe(0);
      expect(found.all).toBe('');
      expect((await bounded('doctor')).all).toContain('does not answer');
      const stopped = await bounded('stop');
      expect(stopped.exitCode, stopped.all).toBe(0);
    });
  },
);

test.runIf(canMount)(
  'a config or a state directory on it must be named in an error, also if links lead there',
  async () => {
    const rig = createRig({ mail: { command: fixture('drains-after-job') } });
    const text = readFileSync(rig.path('workerctl.yaml'), 'utf8');
    writeFileSync(
      rig.path('away.yaml'),
      JSON.stringify({ ...(JSON.parse(text) as object), state_dir: 'link/state' }),
    );
    symlinkSync('remote', rig.path('link'));
    await withSilentMount(rig, async (folder) => {
      const silence = `${folder} has not answered for 5 s`;
      const commands = ['status', 'bootcheck', 'stop', 'doctor'];
      const ends = (code: number, file: string, ...more: string[]): Promise<unknown> =>
        Promise.all(
          [...commands, ...more].map(async (command) => {
            const { exitCode, all } = await rig.workerctl(command, '--config', file);
            expect(exitCode, `${command}: ${all}`).toBe(code);
            expect(all).toContain(silence);
          }),
        );
      await Promise.all([ends(78, 'link/workerctl.yaml', 'check'), ends(73, 'away.yaml')]);
      const checked = await rig.workerctl('check', '--quiet', '--config', 'away.yaml');
      expect(checked.exitCode, checked.all).toBe(0);
      expect(checked.stderr).toMatch(new RegExp(`away.yaml:1:\\d+: state_dir: .*${silence}`));
    });
  },
);
