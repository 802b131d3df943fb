// A worker that has five jobs at the same time, in the words of docs/heartbeat, and what must be true of what it says.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Activity } from '../../src/core/model/activity.ts';
import type { ProcessRecord } from '../../src/core/model/record.ts';
import { readProcessFiles } from '../../src/host/state/process-files.ts';
import { readRecord } from '../../src/host/state/records.ts';
import { processAt } from './kernel.ts';
import { jobsPrograms } from './jobs-programs.ts';
import { createRig, statusOf, type Rig } from './rig.ts';
import { until } from './wait.ts';

const lanes = 5;

const snippets = fileURLToPath(new URL('../../docs/heartbeat', import.meta.url));

/**
 * Each program has five lanes, which have one job after the other until there is a `stop`, and note in files what is true:
 * `running/ID` while a job runs, `over/ID` once it has said that it has ended. As long as there is a `hold`, so long takes the
 * job `hold-LANE`.
 */
export async function expectCountedJobs(name: string): Promise<void> {
  const program = jobsPrograms[name];
  if (program === undefined) throw new Error(`no program ${name}`);
  const rig = createRig();
  for (const folder of ['running', 'over']) mkdirSync(rig.path(folder));
  cpSync(join(snippets, program.snippet), rig.path(program.snippet));
  for (const [file, text] of Object.entries(program.files)) writeFileSync(rig.path(file), text);
  if (program.build !== undefined) {
    const { exitCode, all } = await rig.shell(program.build);
    expect(exitCode, all).toBe(0);
  }
  const backoff = { initial: '1ms', max: '1ms' };
  rig.configure({ job: { command: program.command, backoff } });
  const started = await rig.act('start');
  expect(started.exitCode, started.all).toBe(0);

  await sampled(rig);
  await expectLoss(rig);

  writeFileSync(rig.path('hold'), '');
  await until('each lane to hold a job', () => held(rig).length === lanes, 60_000);
  const [instance] = (await statusOf(rig)).instances;
  const said = (instance?.activity ?? {}) as { jobs?: { job: string }[] };
  expect(said).toMatchObject({ state: 'busy', job_count: lanes });
  expect(said.jobs?.map(({ job }) => job).toSorted()).toEqual(held(rig));
  expect((await rig.workerctl('status')).stdout).toMatch(
    new RegExp(`hold-\\d.* \\+${lanes - 1}\\b`),
  );
  const holding = held(rig);
  expect((await expectLoss(rig)).toSorted()).toEqual(holding);

  rmSync(rig.path('hold'));
  writeFileSync(rig.path('stop'), '');
  await until('it to be idle in the end', () => activity(rig)?.kind === 'idle', 60_000);
  // Nothing is left of the processes that were killed.
  const { runId } = recordOf(rig);
  const left = readdirSync(join(rig.stateDir, 'heartbeats'));
  expect(left.filter((file) => !file.startsWith(`job.1.${runId}`))).toEqual([]);
}

const names = (rig: Rig, folder: string): string[] => readdirSync(rig.path(folder)).sort();

const held = (rig: Rig): string[] => names(rig, 'running').filter((id) => id.startsWith('hold-'));

const activity = ({ stateDir }: Rig): Activity | undefined => saidIn(stateDir, 'job.1');

/** What a living process of an instance says about its work, as a pass reads it. */
export function saidIn(stateDir: string, instance: string): Activity | undefined {
  const record = readRecord(stateDir, instance);
  if (record.kind !== 'read') return undefined;
  return readProcessFiles(stateDir, instance, record.value, { isAlive: true }).activity;
}

function recordOf({ stateDir }: Rig): ProcessRecord {
  const record = readRecord(stateDir, 'job.1');
  if (record.kind !== 'read') throw new Error('expected a record');
  return record.value;
}

/** Looks again and again while the lanes have jobs: whatever runs during a look must be among the jobs that it finds. */
async function sampled(rig: Rig): Promise<void> {
  let looks = 0;
  let most = 0;
  await until(
    'the lanes to have had jobs, and to have been looked at',
    () => {
      for (let burst = 0; burst < 20; burst += 1) {
        const before = names(rig, 'running');
        const said = activity(rig);
        const after = new Set(names(rig, 'running'));
        const lasting = before.filter((id) => after.has(id));
        if (lasting.length === 0) continue;
        if (said?.kind !== 'busy')
          throw new Error(`${JSON.stringify(said)} while ${lasting.join()} ran`);
        expect(said.jobs.map(({ what }) => what)).toEqual(expect.arrayContaining(lasting));
        expect(said.count).toBeLessThanOrEqual(lanes);
        looks += 1;
        most = Math.max(most, said.count);
      }
      return looks >= 200 && most > 1 && names(rig, 'over').length >= 40;
    },
    60_000,
  );
}

/** Kills the worker with all its lanes: exactly the jobs that ran are lost. @returns their names */
async function expectLoss(rig: Rig): Promise<readonly string[]> {
  const { pid } = recordOf(rig);
  process.kill(-pid, 'SIGKILL'); // it leads its session and its group
  await until('it to be gone', () => processAt(pid) === undefined);
  const running = names(rig, 'running');
  for (const id of running) rmSync(rig.path(`running/${id}`));
  await until('a replacement', async () => {
    const { exitCode } = await rig.act('bootcheck');
    return exitCode === 0 && rig.journal('started').length > rig.journal('died').length;
  });
  const loss = rig.journal('job_lost').find((entry) => entry['pid'] === pid);
  const lost = (loss?.['jobs'] ?? []) as readonly string[];
  expect(lost).toEqual(expect.arrayContaining(running));
  expect(lost.filter((id) => existsSync(rig.path(`over/${id}`)))).toEqual([]);
  expect(loss?.['job_count'] ?? 0).toBe(lost.length); // between two jobs of all lanes nothing is lost
  return lost;
}
