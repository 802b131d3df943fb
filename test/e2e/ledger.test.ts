import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, killed } from '../rig/instance.ts';
import { story, type EventJson } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

// What the engine remembers can be lost: no stop and no promised limit is lost with it.

const ledger = (rig: Rig): string => `${rig.stateDir}/ledger`;

const ways: [string, (rig: Rig) => void][] = [
  [
    'removed',
    (rig) => {
      rmSync(ledger(rig), { recursive: true });
    },
  ],
  [
    'not JSON',
    (rig) => {
      writeFileSync(`${ledger(rig)}/deaths.json`, 'nonsense');
    },
  ],
  [
    'empty',
    (rig) => {
      writeFileSync(`${ledger(rig)}/deaths.json`, '');
    },
  ],
  [
    'from another version',
    (rig) => {
      const path = `${ledger(rig)}/deaths.json`;
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"schema": \d+/, '"schema": 99'));
    },
  ],
];

/** Runs bootcheck, which must succeed. */
async function checked(rig: Rig): Promise<readonly EventJson[]> {
  const { all, exitCode, events } = await rig.act('bootcheck');
  expect(exitCode, all).toBe(0);
  return events;
}

const deathsIn = (rig: Rig): number => rig.journal('died').length;

describe.each(ways)('a ledger that is %s', (_, damage) => {
  test('must be reported once, and no death again; what was stopped must stay down', async () => {
    const rig = createRig({
      mail: { command: fixture('idle'), count: 3, backoff: { initial: '1h', max: '2h' } },
    });
    const [one, two, three] = ['mail.1', 'mail.2', 'mail.3'].map((name) => rig.instance(name));
    if (one === undefined || two === undefined || three === undefined) throw new Error('three');
    await rig.start();
    expect((await rig.workerctl('stop', 'mail.2')).exitCode).toBe(0);
    await killed(one);
    await checked(rig);
    await killed(one);
    const [first, ...others] = (await checked(rig)).filter(({ kind }) => kind !== 'job_lost');
    expect(first).toMatchObject({ kind: 'died', instance: 'mail.1' });
    expect(others).toMatchObject([{ kind: 'backoff', instance: 'mail.1' }]);
    const deaths = deathsIn(rig);
    const untouched = three.pid();

    damage(rig);
    const events = await checked(rig);
    expect(story(events)).toEqual(['warning ledger', 'started mail.1']);
    expect(deathsIn(rig)).toBe(deaths);
    await booted(one);
    expect(await checked(rig)).toEqual([]);
    expect(two.processes()).toEqual([]);
    expect(three.pid()).toBe(untouched);
    expect(readOr(`${rig.stateDir}/state.json`, '')).toContain('mail.2');
  });

  test('must not take the limit of a drain with it', async () => {
    const rig = createRig({ mail: { command: fixture('ignores-term') } });
    const mail = rig.instance('mail.1');
    await rig.start();
    const pid = await booted(mail);
    const { exitCode } = await rig.workerctl('restart', '--no-wait', '--kill-after', '1s');
    expect(exitCode).toBe(0);
    damage(rig);
    const overdue = await until('its limit', async () =>
      (await checked(rig)).find(({ kind }) => kind === 'killed'),
    );
    expect(overdue).toMatchObject({ instance: 'mail.1', pid });
  });
});

test('a ledger that cannot be written must end a pass with 73 before it acts', async () => {
  const rig = createRig({ mail: { command: fixture('idle') } });
  mkdirSync(rig.stateDir);
  writeFileSync(ledger(rig), 'no folder');
  const { exitCode, stderr } = await rig.workerctl('start');
  expect(exitCode).toBe(73);
  expect(stderr).toContain('ledger/deaths.json');
  expect(rig.instance('mail.1').processes()).toEqual([]);
});
