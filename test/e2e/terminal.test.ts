import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { atTerminal, screenAfter } from '../rig/terminal.ts';
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

const header = /restart \[[=>-]+\] 1\/2 +0 failed, 1 draining/;

test('restart at a terminal must show a live view, and leave nothing of it behind', async () => {
  const { rig, old } = await oneBusy();
  const session = atTerminal(rig, 'workerctl restart');
  await until('the live view', () => header.test(session.said()));
  const shown = await screenAfter(session.said());
  expect(shown).toMatch(header);
  expect(shown).toMatch(new RegExp(`^mail\\.1 +draining +pid ${old} .*job 212`, 'm'));
  expect(shown).toMatch(/^mail\.2 +done +pid \d+/m);
  expect(session.said()).toContain(hideCursor);
  expect(session.said()).not.toContain(showCursor);

  finishJob(rig, old);
  expect(await session.end()).toBe(0);
  const left = await screenAfter(session.said());
  expect(left).not.toMatch(/restart \[/);
  expect(left).not.toMatch(/^mail\.\d +(draining|done|starting) /m);
  expect(left).toMatch(/mail\.1: .*\d+/);
  expect(left).toMatch(/^2 of 2 on \S+ in \S+s, longest .*job 212.*, none killed$/m);
  expect(session.said().lastIndexOf(showCursor)).toBeGreaterThan(
    session.said().lastIndexOf(hideCursor),
  );
});

for (const [what, keys] of [
  ['Ctrl-C', '\x03'],
  ['a second Ctrl-C right after the first', '\x03\x03'],
] as const) {
  test(`${what} must take the live view away, show the cursor, and lose nothing`, async () => {
    const { rig, mail, old } = await oneBusy();
    const session = atTerminal(rig, 'workerctl restart');
    await until('the live view', () => header.test(session.said()));
    session.type(keys);
    expect(await session.end()).toBe(130);
    const left = await screenAfter(session.said());
    expect(left).not.toMatch(/restart \[/);
    expect(session.said().lastIndexOf(showCursor)).toBeGreaterThan(
      session.said().lastIndexOf(hideCursor),
    );
    if (keys.length === 1) expect(left).toMatch(/mail\.1/);
    await termed(mail, old);
    expect(mail.processes()).toEqual([old]);
  });
}

test('an aborted restart must leave its reasons on the screen and nothing of the view', async () => {
  const { rig, old } = await oneBusy();
  writeFileSync(rig.path('slow'), '');
  rig.configure({
    mail: { ...tells, count: 2, ready: { log: '^ready to work$', timeout: '1500ms' } },
  });
  const session = atTerminal(rig, 'workerctl restart');
  expect(await session.end()).toBe(1);
  const left = await screenAfter(session.said());
  expect(left).toMatch(/mail\.2: start failed: .*1\.5s$/m);
  expect(left).toMatch(/mail\.2: restart aborted; 1 instance keeps/);
  expect(left.match(/1\.5s/g), 'the reason, once').toHaveLength(1);
  expect(left).toMatch(/^0 of 2 in \S+s, 1 failed, none killed$/m);
  expect(left).not.toMatch(/restart \[/);
  expect(session.said()).toContain(hideCursor);
  expect(session.said().lastIndexOf(showCursor)).toBeGreaterThan(
    session.said().lastIndexOf(hideCursor),
  );
  finishJob(rig, old);
});

test('a command that is over in a moment must not touch the cursor', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const session = atTerminal(rig, 'workerctl status');
  expect(await session.end()).toBe(0);
  expect(session.said()).not.toContain(hideCursor);
  expect(await screenAfter(session.said())).toMatch(/mail\.2 +ready/);
});
