import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { signal } from '../rig/kernel.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { atTerminal, screenAfter, type Session } from '../rig/terminal.ts';
import { until } from '../rig/wait.ts';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';

/** Two running instances, the first of them busy with a job. */
async function oneBusy(): Promise<{ rig: Rig; mail: InstanceHandle; old: number }> {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const mail = rig.instance('mail.1');
  return { rig, mail, old: await giveJob(rig, mail, 'job 212') };
}

const isCursorShown = ({ said }: Pick<Session, 'said'>): boolean =>
  said().lastIndexOf(showCursor) > said().lastIndexOf(hideCursor);

const outcome = /^2 of 2 on \S+ in \S+s, longest .*job 212.*, none killed$/m;
const header = /restart \[[=>-]+\] 1\/2 +0 failed, 1 draining/;

test('restart at a terminal must show a live view, and leave nothing of it behind', async () => {
  const { rig, old } = await oneBusy();
  const session = atTerminal(rig, 'workerctl restart');
  await until('the live view', () => header.test(session.said()));
  const shown = await session.screen();
  expect(shown).toMatch(header);
  expect(shown).toMatch(new RegExp(`^mail\\.1 +draining +pid ${old} .*job 212`, 'm'));
  expect(shown).toMatch(/^mail\.2 +done +pid \d+/m);
  expect(session.said()).toContain(hideCursor);
  expect(session.said()).not.toContain(showCursor);

  finishJob(rig, old);
  expect(await session.end()).toBe(0);
  const left = await session.screen();
  expect(left).not.toMatch(/restart \[/);
  expect(left).not.toMatch(/^mail\.\d +(draining|done|starting) /m);
  expect(left).toMatch(/mail\.1: .*\d+/);
  expect(left).toMatch(outcome);
  expect(isCursorShown(session)).toBe(true);
});

const end: Readonly<Record<string, (session: Session) => Promise<void> | void>> = {
  'Ctrl-C': ({ type }) => {
    type('\x03');
  },
  'a second Ctrl-C right after the first': ({ type }) => {
    type('\x03\x03');
  },
  SIGTERM: async ({ pid }) => {
    signal(await pid(), 'SIGTERM');
  },
};

test.each([
  ['Ctrl-C', 130],
  ['a second Ctrl-C right after the first', 130],
  ['SIGTERM', 143],
])('%s must take the live view away, show the cursor, and lose nothing', async (how, code) => {
  const { rig, mail, old } = await oneBusy();
  const session = atTerminal(rig, 'workerctl restart');
  await until('the live view', () => header.test(session.said()));
  await end[how]?.(session);
  expect(await session.end()).toBe(code);
  const left = await session.screen();
  expect(left).not.toMatch(/restart \[/);
  expect(left).not.toMatch(/^mail\.\d +(draining|done|starting) /m);
  expect(isCursorShown(session)).toBe(true);
  if (how !== 'a second Ctrl-C right after the first')
    expect(left).toMatch(/mail\.1 .*keeps draining|1 of 2 |still draining/);
  await termed(mail, old);
  expect(mail.processes()).toEqual([old]);
});

test('Ctrl-Z must take the view away, and a restart that goes on must show it once', async () => {
  const { rig, old } = await oneBusy();
  const session = atTerminal(rig, 'workerctl restart');
  await until('the live view', () => header.test(session.said()));
  session.type('\x1a');
  await session.goOn();
  const [before = '', after = ''] = await until('the view again', () => {
    const parts = session.said().split(showCursor);
    return header.test(parts[1] ?? '') && parts;
  });
  expect(before, 'when it showed the cursor').toContain(hideCursor);
  expect(await screenAfter(before)).not.toMatch(/restart \[/);
  expect(after).toContain(hideCursor);
  expect((await session.screen()).match(/restart \[/g)).toHaveLength(1);

  finishJob(rig, old);
  expect(await session.end()).toBe(0);
  expect(await session.screen()).toMatch(outcome);
  expect(await session.screen()).not.toMatch(/restart \[/);
  expect(isCursorShown(session)).toBe(true);
});

test.each([
  ['narrower', { cols: 48, rows: 20 }],
  ['wider', { cols: 140, rows: 20 }],
  ['lower', { cols: 100, rows: 9 }],
])(
  'in a terminal that becomes %s meanwhile the view must fit, and leave nothing behind',
  async (_, size) => {
    const { rig, old } = await oneBusy();
    const session = atTerminal(rig, 'workerctl restart');
    await until('the live view', () => header.test(session.said()));
    await session.resize(size);
    const before = session.said().length;
    await until('the view in this size', () => session.said().slice(before).includes('restart '));
    const shown = await session.screen();
    expect(shown.match(/restart .*1\/2/g)).toHaveLength(1);
    expect(shown.match(/^mail\.1 +draining .*job 212/gm)).toHaveLength(1);

    finishJob(rig, old);
    expect(await session.end()).toBe(0);
    const left = await session.screen();
    expect(left.replaceAll(/\s+/g, ' ')).toMatch(/2 of 2 on \S+ in .*job 212.*, none killed$/);
    expect(left).not.toMatch(/restart .*\d\/2|^mail\.\d +(draining|done|starting) /m);
    expect(isCursorShown(session)).toBe(true);
  },
);

test('an aborted restart must leave its reasons on the screen and nothing of the view', async () => {
  const { rig, old } = await oneBusy();
  writeFileSync(rig.path('slow'), '');
  rig.configure({
    mail: { ...tells, count: 2, ready: { log: '^ready to work$', timeout: '1500ms' } },
  });
  const session = atTerminal(rig, 'workerctl restart');
  expect(await session.end()).toBe(1);
  const left = await session.screen();
  expect(left).toMatch(/mail\.2: start failed: .*1\.5s$/m);
  expect(left).toMatch(/mail\.2: restart aborted; 1 instance keeps/);
  expect(left.match(/1\.5s/g), 'the reason, once').toHaveLength(1);
  expect(left).toMatch(
    /^0 of 2 in \S+s,(?: longest drain \S+ \(mail\.2\),)? 1 failed, none killed$/m,
  );
  expect(left).not.toMatch(/restart \[/);
  expect(session.said()).toContain(hideCursor);
  expect(isCursorShown(session)).toBe(true);
  finishJob(rig, old);
});

test('a command that is over in a moment must not touch the cursor', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const session = atTerminal(rig, 'workerctl status');
  expect(await session.end()).toBe(0);
  expect(session.said()).not.toContain(hideCursor);
  expect(await session.screen()).toMatch(/mail\.2 +ready/);
});
