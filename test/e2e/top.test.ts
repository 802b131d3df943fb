import { appendFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { giveJob, tells } from '../rig/jobs.ts';
import { endProcess, isAlive, processAt, signal } from '../rig/kernel.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { atTerminal, screenAfter, type Session, type Size } from '../rig/terminal.ts';
import { timePasses, until } from '../rig/wait.ts';

const alternate = '\x1b[?1049h';
const normal = '\x1b[?1049l';
const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';

interface Top extends Omit<Session, 'pid'> {
  readonly pid: number;
  /** Waits until the screen has this. */
  readonly shows: (what: RegExp) => Promise<string>;
}

async function openTop(rig: Rig, command = 'workerctl top', size?: Size): Promise<Top> {
  const session = atTerminal(rig, command, size);
  const shows = (what: RegExp): Promise<string> =>
    until(`the screen to show ${what.source}`, async () => {
      const screen = await session.screen();
      return what.test(screen) ? screen : undefined;
    });
  await shows(/q quit/);
  return { ...session, shows, pid: await session.pid() };
}

/** The terminal is as it was before: its own screen, with the cursor. */
function expectRestored(said: string): void {
  expect(said.split(alternate)).toHaveLength(2);
  expect(said.lastIndexOf(normal)).toBeGreaterThan(said.lastIndexOf(alternate));
  expect(said.lastIndexOf(showCursor)).toBeGreaterThan(said.lastIndexOf(hideCursor));
}

async function running(count = 2): Promise<Rig> {
  const rig = createRig({ mail: { ...tells, count } });
  await rig.start();
  return rig;
}

test('top must show the instances live, with jobs, events and the log', async () => {
  const rig = await running(3);
  const top = await openTop(rig);
  await top.shows(/^> mail\.1 +ready .*idle/m);
  await giveJob(rig, rig.instance('mail.2'), 'import 212');
  await top.shows(/^ {2}mail\.2 +ready .*import 212 for /m);
  await rig.workerctl('stop', 'mail.3');
  await top.shows(/^ {2}mail\.3 +stopped/m);
  appendFileSync(rig.path('log/mail.2.log'), 'connected to \x1b[2J db1\n');
  top.type('j\r');
  await top.shows(/── mail\.2 ─[^]*started pid \d+[^]*log:[^]*connected to \^\[\[2J db1/);
  top.type('/stopped\r');
  const filtered = await top.shows(/^> mail\.3/m);
  expect(filtered).not.toMatch(/^. mail\.[12]/m);
  top.type('q');
  expect(await top.end()).toBe(0);
  expectRestored(top.said());
  expect(await screenAfter(top.said())).not.toContain('mail');
});

test.each([
  [
    'Ctrl-C',
    130,
    (top: Top) => {
      top.type('\x03');
    },
  ],
  [
    'SIGTERM',
    143,
    ({ pid }: Top) => {
      signal(pid, 'SIGTERM');
    },
  ],
  [
    'SIGHUP',
    129,
    ({ pid }: Top) => {
      signal(pid, 'SIGHUP');
    },
  ],
  [
    'SIGQUIT',
    131,
    ({ pid }: Top) => {
      signal(pid, 'SIGQUIT');
    },
  ],
] as const)('%s must end top with %d and restore the terminal', async (_what, code, end) => {
  const top = await openTop(await running(1), 'workerctl status --watch');
  end(top);
  expect(await top.end()).toBe(code);
  expectRestored(top.said());
});

test('a crash must restore the terminal first, so that its reason can be read', async () => {
  const rig = await running(1);
  const crash = `setInterval(() => { if (require('fs').existsSync('crash')) throw new Error('boom'); }, 20);`;
  writeFileSync(rig.path('crash.cjs'), crash);
  const top = await openTop(rig, 'env NODE_OPTIONS=--require=./crash.cjs workerctl top');
  writeFileSync(rig.path('crash'), '');
  expect(await top.end()).not.toBe(0);
  expectRestored(top.said());
  expect(await screenAfter(top.said())).toContain('boom');
});

test('top must end when its terminal is lost, and leave the workers alone', async () => {
  const rig = await running(1);
  const worker = rig.instance('mail.1').pid();
  const top = await openTop(rig);
  await endProcess(processAt(top.pid)?.parent ?? 0);
  await until('top to end', () => !isAlive(top.pid));
  expect(rig.instance('mail.1').pid()).toBe(worker);
});

test('Ctrl-Z must hand the terminal back, and a continued top must draw everything again', async () => {
  const top = await openTop(await running(1));
  top.type('\x1a');
  await until('it to hand the terminal back', () => top.said().includes(normal));
  signal(top.pid, 'SIGCONT');
  await until('it to take it again', () => top.said().split(alternate).length === 3);
  await top.shows(/^> mail\.1 +ready/m);
  top.type('q');
  expect(await top.end()).toBe(0);
});

test('nothing must be written while nothing changes, and no frame more often than four times a second', async () => {
  const rig = await running(2);
  await rig.workerctl('stop');
  const top = await openTop(rig);
  await top.shows(/mail\.2 +stopped/);
  const before = top.said();
  await timePasses(2_500);
  expect(top.said()).toBe(before);
  top.type('s'.repeat(200));
  await top.shows(/sort: instance/);
  top.type('q');
  await top.end();
  expectRestored(top.said());
});

test('a config that breaks must be said, and what was seen before must stay', async () => {
  const rig = await running(1);
  const top = await openTop(rig);
  rig.writeConfig('workers: [');
  await top.shows(/the last look failed: [^]*mail\.1 +ready/);
  rig.configure({ mail: tells });
  await until('it to look again', async () => {
    return !(await screenAfter(top.said())).includes('failed');
  });
  top.type('q');
  expect(await top.end()).toBe(0);
});

test('at a terminal that says no size, top must assume 80 columns and 24 rows', async () => {
  const top = await openTop(await running(2), 'workerctl top', { cols: 0, rows: 0 });
  const lines = (await top.shows(/^> mail\.1 +ready/m)).split('\n');
  expect(lines).toHaveLength(24);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  top.type('q');
  expect(await top.end()).toBe(0);
});

test('without a terminal, or for what it does not know, top must say so and end with 2', async () => {
  const rig = createRig({ mail: tells });
  const piped = await rig.workerctl('top');
  expect(piped).toMatchObject({ exitCode: 2, stdout: '' });
  expect(piped.stderr).toContain('expected a terminal');
  expect((await rig.workerctl('status', '--watch', '--wide')).exitCode).toBe(2);
  expect((await rig.workerctl('top', '--json')).exitCode).toBe(2);
});
