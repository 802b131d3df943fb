import {
  appendFileSync,
  existsSync,
  readdirSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createRig, fixture, readOr, until, type Rig } from './rig.ts';
import { heard } from './rollout-rig.ts';
import { watching } from './watch-rig.ts';

const drains = { command: fixture('drains-after-job') };

/** A line of the journal. */
type Entry = Readonly<Record<string, unknown>> & {
  readonly at: string;
  readonly kind: string;
  readonly instance: string;
};

const journalOf = (rig: Rig): string => join(rig.stateDir, 'events.ndjson');
const textOf = (rig: Rig): string => readOr(journalOf(rig), '');
const entriesIn = (text: string): Entry[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry);
const entriesOf = (rig: Rig): Entry[] => entriesIn(textOf(rig));

/** Who did what to whom, in order. */
const story = (entries: readonly Entry[]): unknown[][] =>
  entries.map(({ command, kind, instance, pid }) => [command, kind, instance, pid]);

/** An entry as an earlier run would have written it. */
const old = (minutesAgo: number, instance: string, kind = 'started'): string => {
  const at = new Date(Date.now() - minutesAgo * 60_000).toISOString();
  return `${JSON.stringify({ at, kind, instance, text: `${kind} long ago`, by: 'a@b', command: 'start' })}\n`;
};

async function rigWith(...lines: readonly string[]): Promise<Rig> {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.workerctl('bootcheck');
  await rig.workerctl('stop');
  writeFileSync(journalOf(rig), lines.join(''));
  return rig;
}

describe('the journal', () => {
  test('must tell what was done, by whom, in order, and nothing else', async () => {
    const rig = createRig({ mail: drains });
    const mail = rig.instance('mail.1');
    const begun = Date.now();
    await rig.start();
    const first = mail.pid();
    process.kill(first ?? 0, 'SIGKILL');
    await mail.left(first ?? 0);
    await rig.workerctl('bootcheck');
    const second = mail.pid();
    await rig.workerctl('stop');
    const entries = entriesOf(rig);
    expect(story(entries)).toEqual([
      ['start', 'started', 'mail.1', first],
      ['start', 'ready', 'mail.1', first],
      ['bootcheck', 'died', 'mail.1', first],
      ['bootcheck', 'started', 'mail.1', second],
      ['stop', 'asked', 'mail.1', second],
      ['stop', 'died', 'mail.1', second],
    ]);
    expect(entries[2]).toMatchObject({ verdict: 'lost', signal: 9 });
    expect(entries[3]).toMatchObject({ cause: `pid ${first ?? ''} died: signal 9 (SIGKILL)` });
    expect(entries[4]).toMatchObject({ signal_name: 'SIGTERM' });
    expect(entries[5]).toMatchObject({
      verdict: 'asked',
      status: 0,
      drained_seconds: expect.any(Number) as number,
    });
    for (const { at, by, text } of entries) {
      expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Date.parse(at)).toBeGreaterThanOrEqual(begun);
      expect(by).toMatch(/^\S+@\S+$/);
      expect(text).not.toMatch(/^mail\.1/);
    }
  });

  test('must not have what was only looked at, asked for or tried dry', async () => {
    const rig = createRig({ mail: { ...drains, count: 2 } });
    await rig.workerctl('start', '--dry-run');
    expect(textOf(rig)).toBe('');
    await rig.start();
    const before = textOf(rig);
    await rig.workerctl('status', 'mail.1');
    await rig.workerctl('bootcheck');
    await rig.workerctl('restart', '--dry-run');
    await rig.workerctl('resume');
    await rig.workerctl('events');
    expect(textOf(rig)).toBe(before);
  });

  test('must have what a watch sees, once', async () => {
    const rig = createRig({ mail: drains });
    await rig.start();
    const watch = await watching(rig);
    const first = rig.instance('mail.1').pid();
    rmSync(journalOf(rig));
    process.kill(first ?? 0, 'SIGKILL');
    await watch.says(/started pid \d+/);
    const second = rig.instance('mail.1').pid();
    watch.send('SIGHUP');
    await watch.says(/config was read again/);
    rig.writeConfig('workers: [');
    watch.send('SIGHUP');
    await watch.says(/was not read again/);
    watch.send('SIGTERM');
    await watch.running;
    expect(story(entriesOf(rig))).toEqual([
      ['watch', 'died', 'mail.1', first],
      ['watch', 'short', 'mail', undefined],
      ['watch', 'started', 'mail.1', second],
      ['watch', 'config_read', 'watch', undefined],
      ['watch', 'config_refused', 'watch', undefined],
    ]);
    expect(entriesOf(rig)[0]).toMatchObject({
      signal: 9,
      signal_name: 'SIGKILL',
      core_dumped: false,
      verdict: 'lost',
    });
  });

  test('must have a count that was wanted before anything else was done', async () => {
    const rig = createRig({ mail: drains });
    await rig.workerctl('want', '2', 'mail');
    expect(story(entriesOf(rig)).slice(0, 2)).toEqual([
      ['want', 'wanted', 'mail', undefined],
      ['want', 'started', 'mail.1', rig.instance('mail.1').pid()],
    ]);
  });

  test('that cannot be written must be told once, and stop nobody', async () => {
    const rig = createRig({ mail: { ...drains, count: 3 } });
    mkdirSync(journalOf(rig), { recursive: true });
    const { exitCode, stdout } = await rig.workerctl('start');
    expect(exitCode).toBe(0);
    expect(stdout.match(/EISDIR/g)).toHaveLength(1);
    expect(stdout).toContain(`journal: ${journalOf(rig)}: EISDIR`);
    expect(stdout).toContain('3 started');
    expect((await rig.workerctl('status', 'mail.1')).exitCode).toBe(0);
    const events = await rig.workerctl('events');
    expect(events.exitCode).toBe(73);
    expect(events.stderr).toContain(`journal ${journalOf(rig)}: cannot be read`);
  });
});

describe('events', () => {
  test('must print a line each, for people and for programs', async () => {
    const rig = createRig({ mail: { ...drains, count: 2 } });
    await rig.start();
    const { stdout, stderr, exitCode } = await rig.workerctl('events', '--kind', 'started');
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const lines = ['mail.1', 'mail.2'].map(
      (name) =>
        new RegExp(
          `^\\d\\d:\\d\\d:\\d\\d {2}${name} {2}started pid ${rig.instance(name).pid() ?? ''}: it is not running$`,
        ),
    );
    expect(stdout.split('\n')).toEqual(lines.map((line) => expect.stringMatching(line) as string));
    const json = await rig.workerctl('events', '--json');
    expect(`${json.stdout}\n`).toBe(textOf(rig));
  });

  test('must tell the day of what was not today', async () => {
    const rig = await rigWith(old(60 * 48, 'mail.1'));
    const { stdout } = await rig.workerctl('events');
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}mail\.1 {2}started long ago$/);
  });

  test('must print the last 50, or as many as are wanted', async () => {
    const rig = await rigWith(
      ...Array.from({ length: 60 }, (_, index) => old(60 - index, 'mail.1')),
    );
    const count = async (...args: string[]): Promise<number> =>
      entriesIn((await rig.workerctl('events', '--json', ...args)).stdout).length;
    expect(await count()).toBe(50);
    expect(await count('-n', '7')).toBe(7);
    expect(await count('-n', '0')).toBe(0);
    expect(await count('--since', '1d')).toBe(60);
    expect(await count('--since', '10m')).toBeLessThan(12);
    expect(await count('--since', '1d', '-n', '3')).toBe(3);
    expect(await count('--since', new Date(Date.now() + 864e5).toISOString())).toBe(0);
  });

  test('must print those of the targets, also of such that the config no longer has', async () => {
    const rig = await rigWith(old(5, 'mail.1'), old(4, 'mail.2'), old(3, 'gone.a'), old(2, 'mail'));
    const of = async (...targets: string[]): Promise<string[]> =>
      entriesIn((await rig.workerctl('events', '--json', ...targets)).stdout).map(
        (one) => one.instance,
      );
    expect(await of('mail.1')).toEqual(['mail.1']);
    expect(await of('mail')).toEqual(['mail.1', 'mail.2', 'mail']);
    expect(await of('gone')).toEqual(['gone.a']);
    expect(await of('gone.a', 'mail.2')).toEqual(['mail.2', 'gone.a']);
    expect(await of('*.2')).toEqual(['mail.2']);
  });

  test.each([
    [['nobody'], /target "nobody": expected a worker, an instance or a glob/],
    [['mail', 'nobody'], /target "nobody"/],
    [['--kind', 'dead'], /--kind: expected kinds of events, found "dead"/],
    [['--since', 'soon'], /--since: expected a duration/],
    [['--since', '2026-02-30T99:00'], /--since: expected a duration/],
    [['-n', 'all'], /-n: expected a number, found "all"/],
  ])('%j must be refused', async (args, words) => {
    const rig = await rigWith(old(1, 'mail.1'));
    const { exitCode, stderr } = await rig.workerctl('events', ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(words);
  });

  test('must say so where there is nothing, or something that is no event', async () => {
    const rig = await rigWith();
    rmSync(journalOf(rig));
    const empty = await rig.workerctl('events');
    expect(empty).toMatchObject({ exitCode: 0, stdout: '' });
    expect(empty.stderr).toMatch(/no such events in \S+events\.ndjson/);
    writeFileSync(journalOf(rig), Buffer.from([0, 255, 27, 91, 10, 0x7b, 10]));
    appendFileSync(journalOf(rig), old(1, 'mail.1'));
    const garbage = await rig.workerctl('events');
    expect(garbage.stdout.split('\n')).toHaveLength(1);
    expect(garbage.stderr).toMatch(/left out 2 lines that are no events/);
  });

  test('must do no terminal harm', async () => {
    const text = '\u001b]0;x\u0007\u001b[2Jred\nmail.2: started';
    const entry = { at: new Date().toISOString(), kind: 'started', instance: 'mail.1\u202e', text };
    const rig = await rigWith(`${JSON.stringify(entry)}\n`);
    const { stdout } = await rig.workerctl('events');
    expect(stdout).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

/** Whether the kernel tells it of changes to files. Source: proc_pid_fdinfo(5), `inotify`. */
function isFollowing(pid: number): boolean {
  const folder = `/proc/${pid}/fdinfo`;
  return (
    existsSync(folder) &&
    readdirSync(folder).some((fd) => readOr(`${folder}/${fd}`, '').includes('inotify wd'))
  );
}

describe('events -f', () => {
  test('must tell what happens from now on, until it is interrupted', async () => {
    const rig = createRig({ mail: drains });
    await rig.start();
    await rig.workerctl('stop');
    const before = textOf(rig);
    const running = rig.workerctl('events', '-f', '-n', '0', '--json');
    const said = heard(running);
    await until(() => isFollowing(running.pid ?? 0), 'it to follow');
    await rig.start();
    await rig.workerctl('stop');
    await until(() => said().includes('"died"'), 'it to tell of the end');
    running.kill('SIGINT');
    expect((await running).exitCode).toBe(130);
    expect(before + said()).toBe(textOf(rig));
  });

  test('must end with the first line that nobody reads any more', async () => {
    const rig = await rigWith(old(1, 'mail.1'));
    const running = rig.shell('workerctl events -f | head -1');
    const said = heard(running);
    await until(() => said().includes('\n'), 'head to have its line');
    await rig.start();
    expect((await running).stdout).toMatch(/mail\.1 {2}started long ago$/);
  });

  test('must go on through a rotation', async () => {
    const rig = await rigWith(old(1, 'mail.1'));
    const running = rig.workerctl('events', '-f');
    const said = heard(running);
    await until(() => said().includes('long ago'), 'what was there');
    appendFileSync(journalOf(rig), '\n'.repeat(10_000_001));
    await rig.start('mail.1');
    await until(() => existsSync(`${journalOf(rig)}.1`), 'the journal to be put aside');
    await rig.workerctl('stop');
    await until(() => said().includes('died: 0 (expected)'), 'the end');
    running.kill('SIGTERM');
    expect((await running).exitCode).toBe(143);
    expect(said().match(/started pid/g)).toHaveLength(1);
  });
});

describe('status of one instance', () => {
  test('must have its latest events below', async () => {
    const rig = await rigWith(
      old(99, 'mail.1', 'died'),
      ...Array.from({ length: 10 }, () => old(5, 'mail.1')),
      old(1, 'mail.2'),
    );
    const { stdout } = await rig.workerctl('status', 'mail.1');
    const [, below = ''] = stdout.split('stopped\n\n');
    expect(below.split('\n')).toHaveLength(10);
    expect(below).not.toMatch(/mail\.2|died/);
    const json = JSON.parse((await rig.workerctl('status', 'mail.1', '--json')).stdout) as {
      events: Entry[];
    };
    expect(json.events.map((one) => one.instance)).toEqual(Array(10).fill('mail.1'));
  });

  test('must not be that of a worker, a glob or all', async () => {
    const rig = createRig({ mail: drains });
    await rig.start();
    for (const targets of [[], ['mail'], ['mail.*']]) {
      const { stdout } = await rig.workerctl('status', '--json', ...targets);
      expect(JSON.parse(stdout)).not.toHaveProperty('events');
      expect((await rig.workerctl('status', ...targets)).stdout).not.toContain('started');
    }
    expect(readFileSync(journalOf(rig), 'utf8')).toContain('started');
  });
});
