import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createRig, type Rig } from '../rig/rig.ts';

async function succeed(rig: Rig, ...words: string[]): Promise<{ stdout: string }> {
  const done = await rig.workerctl(...words);
  expect(done.exitCode).toBe(0);
  return done;
}

const workers = { mail: { command: ['/bin/sleep', '%i'], count: 2 } };

test('an export must go to standard output, and what it leaves out to standard error', async () => {
  const rig = createRig(workers);
  const { stdout, stderr, exitCode } = await rig.workerctl(
    'export',
    'kubernetes',
    '--image',
    'a:1',
  );
  expect(exitCode).toBe(0);
  expect(stdout).toContain('replicas: 2\n');
  expect(stderr).toMatch(/^workerctl: left out: mail: stop\.timeout: never: /m);
  const answer = JSON.parse(
    (await succeed(rig, 'export', 'kubernetes', '--image', 'a:1', '--json')).stdout,
  ) as { files: { path: string; text: string }[]; left_out: { worker: string }[] };
  expect(
    answer.files
      .map(({ text }) => text)
      .join('---\n')
      .trimEnd(),
  ).toBe(stdout.trimEnd());
  expect(answer.left_out.length).toBeGreaterThan(0);
});

test('the count in force must be exported, and an earlier export be replaced, nothing else', async () => {
  const rig = createRig(workers);
  const out = rig.path('units');
  const wants = (): number =>
    readFileSync(`${out}/workerctl-mail.target`, 'utf8').split('Wants=').length - 1;
  await succeed(rig, 'export', 'systemd', '--out', out);
  expect(wants()).toBe(2);
  await succeed(rig, 'want', '3', 'mail');
  const { stdout } = await succeed(rig, 'export', 'systemd', '--out', out);
  expect(stdout).toContain('workerctl-mail@.service is up to date\n');
  expect(wants()).toBe(3);

  writeFileSync(`${out}/workerctl-mail.target`, 'of someone else\n');
  const refused = await rig.workerctl('export', 'systemd', '--out', out);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('it is left unchanged');
  expect(readFileSync(`${out}/workerctl-mail.target`, 'utf8')).toBe('of someone else\n');
});

test.each([
  [['export'], 'kubernetes|nomad|systemd|compose'],
  [['export', 'helm'], 'found helm'],
  [['export', 'compose'], '--image IMAGE'],
])('%j must be refused with what was expected', async (words, said) => {
  const rig = createRig(workers);
  mkdirSync(rig.path('x'));
  const { exitCode, stderr } = await rig.workerctl(...words);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(said);
  expect(existsSync(rig.stateDir)).toBe(false);
});
