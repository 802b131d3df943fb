import {
  appendFileSync,
  existsSync,
  readdirSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { journalPath, type Entry } from '../rig/journal.ts';
import { deathOf } from '../rig/output.ts';
import { fixture, heard } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const drains = { command: fixture('drains-after-job') };

const pathOf = (rig: Rig): string => journalPath(rig.stateDir);
const textOf = (rig: Rig): string => readOr(pathOf(rig), '');
/** The entries in what `events --json` has printed, without the line that says how it ended. */
const entriesIn = (text: string): Entry[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry)
    .filter(({ at }) => at);

/** What each command did to which process, in order. */
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
  writeFileSync(pathOf(rig), lines.join(''));
  return rig;
}

describe('the journal', () => {
  test('must hold what was done, by which user and command, in order, and nothing else', async () => {
    const rig = createRig({ mail: drains });
    const mail = rig.instance('mail.1');
    const begun = Date.now();
    await rig.start();
    const first = mail.pid();
    process.kill(first ?? 0, 'SIGKILL');
    await mail.left(first ?? 0);
    await rig.workerctl('bootcheck');
    const second = await booted(mail);
    await rig.workerctl('stop');
    const entries = rig.journal();
    expect(story(entries)).toEqual([
      ['start', 'started', 'mail.1', first],
      ['start', 'ready', 'mail.1', first],
      ['bootcheck', 'died', 'mail.1', first],
      ['bootcheck', 'started', 'mail.1', second],
      ['stop', 'draining', 'mail.1', second],
      ['stop', 'died', 'mail.1', second],
    ]);
    expect(entries[2]).toMatchObject({ verdict: 'unexpected' });
    expect(deathOf(entries[2])).toEqual({ signal: 'SIGKILL' });
    expect(entries[3]?.['cause']).toContain(String(first));
    expect(entries[4]).toMatchObject({ signal: 'SIGTERM' });
    expect(entries[5]).toMatchObject({
      verdict: 'requested',
      drained_seconds: expect.any(Number) as number,
    });
    expect(deathOf(entries[5])).toEqual({ status: 0 });
    for (const { at, by, text } of entries) {
      expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Date.parse(at)).toBeGreaterThanOrEqual(begun);
      expect(by).toMatch(/^\S+@\S+$/);
      expect(text).not.toMatch(/^mail\.1/);
    }
  });

  test('must not hold what was only shown, asked for or tried with --dry-run', async () => {
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

  test('must hold what a watch sees, once', async () => {
    const rig = createRig({ mail: drains });
    await rig.start();
    const watch = await watching(rig);
    const first = rig.instance('mail.1').pid();
    rmSync(pathOf(rig));
    process.kill(first ?? 0, 'SIGKILL');
    await watch.reports('started', { instance: 'mail.1' });
    const second = rig.instance('mail.1').pid();
    watch.send('SIGHUP');
    await watch.reports('config_reloaded');
    rig.writeConfig('workers: [');
    watch.send('SIGHUP');
    await watch.reports('config_rejected');
    watch.send('SIGTERM');
    await watch.running;
    expect(story(rig.journal())).toEqual([
      ['watch', 'died', 'mail.1', first],
      ['watch', 'missing', 'mail', undefined],
      ['watch', 'started', 'mail.1', second],
      ['watch', 'config_reloaded', 'watch', undefined],
      ['watch', 'config_rejected', 'watch', undefined],
    ]);
    expect(rig.journal()[0]).toMatchObject({ verdict: 'unexpected' });
    expect(deathOf(rig.journal()[0])).toEqual({ signal: 'SIGKILL' });
  });

  test('must hold a count that was wanted before anything else was done', async () => {
    const rig = createRig({ mail: drains });
    await rig.workerctl('want', '2', 'mail');
    expect(story(rig.journal()).slice(0, 2)).toEqual([
      ['want', 'count_set', 'mail', undefined],
      ['want', 'started', 'mail.1', rig.instance('mail.1').pid()],
    ]);
  });

  test('that cannot be written must be reported once, and stop nothing', async () => {
    const rig = createRig({ mail: { ...drains, count: 3 } });
    mkdirSync(pathOf(rig), { recursive: true });
    const { exitCode, of } = await rig.act('start');
    expect(exitCode).toBe(0);
    const problem = expect.stringMatching(/events\.ndjson.*EISDIR/) as string;
    expect(of('warning')).toMatchObject([{ problem }]);
    expect(of('started')).toHaveLength(3);
    expect((await rig.workerctl('status', 'mail.1')).exitCode).toBe(0);
    const events = await rig.workerctl('events');
    expect(events.exitCode).toBe(73);
    expect(events.stderr).toContain(pathOf(rig));
  });
});

describe('events', () => {
  test('must print a line each, for people and for programs', async () => {
    const rig = createRig({ mail: { ...drains, count: 2 } });
    await rig.start();
    const { stdout, stderr, exitCode } = await rig.workerctl('events', '--kind', 'started');
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const lines = ['mail.1', 'mail.2'].map(
      (name) => new RegExp(`^\\d\\d:\\d\\d:\\d\\d +${name} .*${rig.instance(name).pid() ?? ''}`),
    );
    expect(stdout.split('\n')).toEqual(lines.map((line) => expect.stringMatching(line) as string));
    const json = await rig.workerctl('events', '--json');
    expect(entriesIn(json.stdout)).toEqual(rig.journal());
  });

  test('must print the day of what was not today', async () => {
    const rig = await rigWith(old(60 * 48, 'mail.1'));
    const { stdout } = await rig.workerctl('events');
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +mail\.1 +started long ago$/);
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
    expect(await rig.workerctl('events', '-n', '0')).toMatchObject({ exitCode: 0, all: '' });
    expect(await count('--since', '1d')).toBe(60);
    expect(await count('--since', '10m')).toBeLessThan(12);
    expect(await count('--since', '1d', '-n', '3')).toBe(3);
    expect(await count('--since', new Date(Date.now() + 864e5).toISOString())).toBe(0);
  });

  test('must print those of the targets, also of targets that the config no longer has', async () => {
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
    [['nobody'], /nobody/],
    [['mail', 'nobody'], /nobody/],
    [['--kind', 'dead'], /--kind.*dead/],
    [['--since', 'soon'], /--since.*soon/],
    [['--since', '2026-02-30T99:00'], /--since.*2026-02-30T99:00/],
    [['--since', '2026-02-30'], /--since.*2026-02-30/],
    [['--since', '2025-02-29 12:00'], /--since.*2025-02-29/],
    [['--since', '2026-04-31T10:00:00Z'], /--since.*2026-04-31/],
    [['--since', '2026-13-01'], /--since.*2026-13-01/],
    [['-n', 'all'], /all/],
    [['-n', '-1'], /--lines.*-1/],
  ])('%j must be refused', async (args, words) => {
    const rig = await rigWith(old(1, 'mail.1'));
    const { exitCode, stderr } = await rig.workerctl('events', ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(words);
  });

  test('must say so if there is nothing, or a line that is not an event', async () => {
    const rig = await rigWith();
    rmSync(pathOf(rig));
    const empty = await rig.workerctl('events');
    expect(empty).toMatchObject({ exitCode: 0, stdout: '' });
    expect(empty.stderr).toContain('events.ndjson');
    writeFileSync(pathOf(rig), Buffer.from([0, 255, 27, 91, 10, 0x7b, 10]));
    appendFileSync(pathOf(rig), old(1, 'mail.1'));
    const garbage = await rig.workerctl('events');
    expect(garbage.stdout.split('\n')).toHaveLength(1);
    expect(garbage.stderr).toMatch(/\b2\b/);
  });

  test('must not let an entry steer the terminal', async () => {
    const text = '\u001b]0;x\u0007\u001b[2Jred\nmail.2: started';
    const entry = { at: new Date().toISOString(), kind: 'started', instance: 'mail.1\u202e', text };
    const rig = await rigWith(`${JSON.stringify(entry)}\n`);
    const { stdout } = await rig.workerctl('events');
    expect(stdout).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

/** Whether the kernel notifies it of changes to files. Source: proc_pid_fdinfo(5), `inotify`. */
function isFollowing(pid: number): boolean {
  const folder = `/proc/${pid}/fdinfo`;
  return (
    existsSync(folder) &&
    readdirSync(folder).some((fd) => readOr(`${folder}/${fd}`, '').includes('inotify wd'))
  );
}

describe('events -f', () => {
  test('must print what happens from now on, until it is interrupted', async () => {
    const rig = createRig({ mail: drains });
    await rig.start();
    await rig.workerctl('stop');
    const before = textOf(rig);
    const running = rig.workerctl('events', '-f', '-n', '0', '--json');
    const said = heard(running);
    await until('it to follow', () => isFollowing(running.pid ?? 0));
    await rig.start();
    await rig.workerctl('stop');
    await until('the end to be printed', () => said().includes('"died"'));
    running.kill('SIGINT');
    expect((await running).exitCode).toBe(130);
    const printed = said().split('\n').slice(0, -2).join('\n'); // without the result
    expect(`${before}${printed}\n`).toBe(textOf(rig));
  });

  test('must end with the first line that is not read any more', async () => {
    const rig = await rigWith(old(1, 'mail.1'));
    const running = rig.shell('workerctl events -f | head -1');
    const said = heard(running);
    await until('head to have its line', () => said().includes('\n'));
    await rig.start();
    expect((await running).stdout).toMatch(/mail\.1 +started long ago$/);
  });

  test('must go on through a rotation', async () => {
    const rig = await rigWith(old(1, 'mail.1'));
    const running = rig.workerctl('events', '-f', '--json');
    const said = heard(running);
    await until('what was there', () => said().includes('long ago'));
    appendFileSync(pathOf(rig), `${'x'.repeat(9_999)}\n`.repeat(1_001)); // more than a journal may hold
    await rig.start('mail.1');
    await until('the journal to be put aside', () => existsSync(`${pathOf(rig)}.1`));
    await rig.workerctl('stop');
    await until('the end', () => said().includes('"died"'));
    running.kill('SIGTERM');
    expect((await running).exitCode).toBe(143);
    const started = entriesIn(said()).filter(({ kind }) => kind === 'started');
    expect(started).toHaveLength(2); // the old one, and that of today
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
    const below = stdout.split('\n').filter((line) => line.includes('long ago'));
    expect(below).toHaveLength(10);
    expect(below.join('\n')).not.toMatch(/mail\.2|died/);
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
    expect(readFileSync(pathOf(rig), 'utf8')).toContain('started');
  });
});
