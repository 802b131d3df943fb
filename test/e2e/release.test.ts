import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { tells } from '../rig/jobs.ts';
import { environmentOf } from '../rig/kernel.ts';
import { eventsIn, story } from '../rig/output.ts';
import { deploy } from '../rig/releases.ts';
import { createRig, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';

/** Where the release may come from. */
const sources: Readonly<Record<string, WorkerKeys>> = {
  'the directory': {},
  'a file': { release: { file: 'current/REVISION' } },
  'a command': { release: { command: ['cat', 'current/REVISION'] } },
};

/** Running instances of release r1, with r2 deployed since. */
async function outdated(count: number, top: WorkerKeys = {}): Promise<Rig> {
  const rig = createRig();
  deploy(rig, 'r1');
  rig.configure({ mail: { ...tells, count, directory: 'current' } }, top);
  await rig.start();
  deploy(rig, 'r2');
  return rig;
}

const releaseOf = (pid: number): string | undefined => environmentOf(pid)['WORKERCTL_RELEASE'];

for (const [source, top] of Object.entries(sources)) {
  test(`a worker must know its release by ${source}, status must mark outdated instances, and restart must report the new one`, async () => {
    const rig = await outdated(1, top);
    const mail = rig.instance('mail.1');
    expect(releaseOf(await booted(mail))).toBe('r1');
    const before = await statusOf(rig);
    expect(before.releases).toEqual({ mail: 'r2' });
    expect(before.instances).toMatchObject([{ release: 'r1', outdated: true, state: 'ready' }]);
    if (source !== 'the directory') {
      const { stdout: table } = await rig.workerctl('status');
      expect(table).toMatch(/^INSTANCE .* RELEASE .*DETAIL$/m);
      expect(table).toMatch(/^mail\.1 +ready .* r1 .*outdated/m);
    }

    const { exitCode, stdout } = await rig.workerctl('restart');
    expect(exitCode, stdout).toBe(0);
    expect(stdout.split('\n').at(-1)).toMatch(/^1 of 1 on r2 in /);
    expect(releaseOf(await booted(mail))).toBe('r2');
    const after = await statusOf(rig);
    expect(after.instances).toMatchObject([{ release: 'r2', outdated: false }]);
  });
}

test('status must name the releases as soon as there are two', async () => {
  const rig = await outdated(2);
  expect((await rig.workerctl('restart', 'mail.1')).exitCode).toBe(0);
  const { stdout } = await rig.workerctl('status');
  expect(stdout).toMatch(/^mail\.1 +ready .* r2 /m);
  expect(stdout).toMatch(/^mail\.2 +ready .* r1 .*outdated/m);
});

test('restart --outdated must replace only what runs another release', async () => {
  const rig = await outdated(3);
  expect((await rig.workerctl('restart', 'mail.2')).exitCode).toBe(0);
  const second = await booted(rig.instance('mail.2'));
  const { exitCode, all } = await rig.workerctl('restart', '--outdated', '--json');
  expect(exitCode, all).toBe(0);
  const events = eventsIn(all);
  expect(story(events, 'draining')).toEqual(['draining mail.1', 'draining mail.3']);
  expect(events.filter(({ kind }) => kind === 'up_to_date')).toMatchObject([
    { instance: 'mail.2', release: 'r2' },
  ]);
  expect(rig.instance('mail.2').processes()).toEqual([second]);
  expect((await statusOf(rig)).instances.map(({ release }) => release)).toEqual(['r2', 'r2', 'r2']);

  const again = await rig.act('restart', '--outdated');
  expect(again.exitCode).toBe(0);
  expect(again.of('up_to_date')[0]).toMatchObject({ instance: 'mail.1', release: 'r2' });
  expect(rig.instance('mail.1').terms()).toHaveLength(1);
});

for (const [what, release, found] of [
  ['a file that is not there', { file: 'no-such-file' }, 'no such file or directory'],
  [
    'a command that fails',
    { command: ['sh', '-c', 'echo no repository >&2; exit 3'] },
    'exit status 3: no repository',
  ],
] as const) {
  test(`restart --outdated must be an error with ${what} for a release, and signal nothing`, async () => {
    const rig = createRig({ mail: tells }, { release });
    await rig.workerctl('start');
    const old = await booted(rig.instance('mail.1'));
    const { exitCode, stderr } = await rig.workerctl('restart', '--outdated');
    expect(exitCode).toBe(1);
    expect(stderr).toContain(found);
    expect(stderr).toMatch(/--outdated.*mail/);
    expect(rig.instance('mail.1').terms()).toEqual([]);
    expect(rig.instance('mail.1').processes()).toEqual([old]);
    expect((await rig.workerctl('restart')).exitCode).toBe(0);
    expect(rig.instance('mail.1').terms()).toEqual([old]);
  });
}

test('a release must not steer the terminal that it is printed on', async () => {
  const rig = createRig({ mail: tells }, { release: { file: 'REVISION' } });
  writeFileSync(rig.path('REVISION'), '\x1b[31mr1\x07\nsecond line\n');
  await rig.workerctl('start');
  const { stdout } = await rig.workerctl('status');
  expect(stdout).toMatch(/^mail\.1 +ready .* \[31mr1 /m);
  for (const control of ['\x07', '\x1b']) expect(stdout).not.toContain(control);
});
