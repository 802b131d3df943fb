// Who may look at the workers of another user, and what a command that acts says. Needs root; skipped without.
import { chmodSync, chownSync, readdirSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, statusOf, type Rig } from '../rig/rig.ts';

const drains = { command: fixture('drains-after-job') };
const deploy = 54321;

/** Runs a line as another user. */
const as = (rig: Rig, user: number, line: string) =>
  rig.shell(`setpriv --reuid ${user} --regid ${user} --clear-groups ${line}`);

/** Workers that deploy has started, in a directory that every user can read. */
async function rigOfDeploy(): Promise<Rig> {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  chmodSync(rig.folder, 0o755);
  chownSync(rig.folder, deploy, deploy);
  chownSync(rig.path('workerctl.yaml'), deploy, deploy);
  const { exitCode, all } = await as(rig, deploy, 'workerctl start');
  expect(exitCode, all).toBe(0);
  return rig;
}

/** All that is in the state directory: names, owners, times and contents. */
const traces = ({ stateDir }: Rig): string[] =>
  readdirSync(stateDir, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { uid, mtimeMs, size } = statSync(`${stateDir}/${name}`);
    return `${name} ${uid} ${mtimeMs} ${size}`;
  });

const looks = ['status', 'status mail.1', 'jobs', 'events', 'logs', 'want mail', 'rollout'];
const acts = [
  'stop',
  'restart mail.1',
  'bootcheck',
  'hold --for 1h',
  'want 3 mail',
  'quiet',
  'watch',
  'trigger',
];

describe.runIf(isRoot).each([
  ['root', 0],
  ['another user', 65534],
])('%s', (_, user) => {
  test('may look, and must leave no trace', async () => {
    const rig = await rigOfDeploy();
    const before = traces(rig);
    for (const line of looks) {
      const { exitCode, stdout, all } = await as(rig, user, `workerctl ${line}`);
      expect(exitCode, `${line}: ${all}`).toBe(0);
      if (line !== 'logs' && line !== 'rollout') expect(stdout, line).toContain('mail');
    }
    const doctor = await as(rig, user, 'workerctl doctor');
    expect(doctor.stdout).toContain(`belongs to #${deploy}`);
    expect(traces(rig)).toEqual(before);
  });

  test('must be told the line to use by commands that act, and change nothing', async () => {
    const rig = await rigOfDeploy();
    const before = traces(rig);
    for (const line of acts) {
      const { exitCode, stdout, stderr } = await as(rig, user, `workerctl ${line}`);
      expect({ line, exitCode, stdout }).toEqual({ line, exitCode: 78, stdout: '' });
      expect(stderr).toContain(`sudo -u '#${deploy}' workerctl ${line}\n`);
      const trusting = await as(rig, user, `workerctl ${line} --trust-config workerctl.yaml`);
      expect({ line, code: trusting.exitCode }).toEqual({ line, code: 73 });
      expect(trusting.stderr).toContain(
        `sudo -u '#${deploy}' workerctl ${line} --trust-config workerctl.yaml`,
      );
    }
    expect(traces(rig)).toEqual(before);
    expect(await statusOf(rig)).toMatchObject({ up: 2 });
  });
});

test.runIf(isRoot)(
  'a look at hundreds of instances of another user must keep no cache there',
  async () => {
    const rig = createRig({ mail: drains });
    await rig.start();
    const { pid } = rig.instance('mail.1');
    const record = readOr(`${rig.stateDir}/mail.1.json`, '');
    expect(record).toContain(String(pid()));
    await rig.shell(
      'for n in $(seq 2 80); do sed s/mail.1/mail.$n/ .workerctl/mail.1.json >.workerctl/mail.$n.json; done; touch -d -10seconds .workerctl; chown -R 54321 .workerctl',
    );
    await rig.workerctl('status');
    expect(readdirSync(`${rig.stateDir}/.new`)).not.toContain('records');
  },
);

test.runIf(isRoot)(
  'a state directory that nobody else can read must be named with its owner',
  async () => {
    const rig = await rigOfDeploy();
    chmodSync(rig.stateDir, 0o700);
    const { exitCode, stderr } = await as(rig, 65534, 'workerctl status');
    expect(exitCode).toBe(73);
    expect(stderr).toContain(`sudo -u '#${deploy}' workerctl status`);
  },
);
