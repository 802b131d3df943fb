import { afterEach, expect, test } from 'vitest';
import { watchProcesses, type Census } from './census.ts';
import { randomFrom } from './random.ts';
import { createProofRig, identifiers, instances, notesOf } from './worker.ts';
import { endProcess } from '../rig/kernel.ts';
import { eventsIn } from '../rig/output.ts';
import type { Running } from '../rig/programs.ts';
import type { Rig } from '../rig/rig.ts';
import { pause, until } from '../rig/wait.ts';

// 200 watches, each killed with KILL at a random moment while workers die and bootchecks run beside it. What runs is
// counted from /proc by the marker, and by a flock that each worker takes for its life.

const rounds = Number(process.env['PROOF_ROUNDS'] ?? 200);
const seed = Number(process.env['PROOF_SEED'] ?? Date.now() % 1_000_000);

/** Runs until it is killed, and notes if another process has the lock of its identifier. */
const workerScript = `#!/bin/sh
exec 9>"$RIG/alone.$WORKERCTL_ID"
flock -n 9 || echo "DOUBLE $$ $WORKERCTL_ID" >>"$RIG/signals"
echo "UP $$" >>"$RIG/signals"
exec sleep 1000000
`;

let census: Census | undefined;

afterEach(() => {
  census?.stop();
});

test(`${rounds} watches that are killed at random moments must never make two processes of one identifier, nor leave one missing`, async () => {
  const random = randomFrom(seed);
  process.stdout.write(`proof: seed ${seed} (PROOF_SEED), ${rounds} rounds (PROOF_ROUNDS)\n`);
  const rig = createProofRig(workerScript);
  census = watchProcesses(rig.stateDir);
  const counting = census;
  const startedAt = performance.now();
  let deaths = 0;
  let killedInTime = 0;
  let atWork = 0;

  const isComplete = (): boolean => {
    const running = counting.sample();
    return instances.every((name) => running.get(name)?.length === 1);
  };

  for (let round = 1; round <= rounds; round += 1) {
    const watch = rig.workerctl('watch', '--json');
    const victims = [...counting.sample().values()].flat().filter(() => random.below(2) === 0);
    // A watch needs some 150 ms until it looks: half of the deaths come before that, half afterwards.
    await pause(random.below(260));
    // A bootcheck needs as long: so the bootchecks and the watch find the same deaths at the same time.
    const beside = random.below(3) === 0 ? bootchecks(rig, 3) : [];
    if (beside.length > 0) await pause(60 + random.below(120));
    for (const { pid } of victims) await endProcess(pid);
    deaths += victims.length;
    await pause(random.below(60));
    watch.kill('SIGKILL');
    const killed = await watch;
    const checked = await Promise.all(beside);
    if (killed.signal === 'SIGKILL') killedInTime += 1;
    if (eventsIn(killed.stdout).some(({ kind }) => kind === 'missing')) atWork += 1;

    const last = await rig.workerctl('bootcheck');
    const words = `round ${round}\n${[killed, ...checked, last].map(({ exitCode, all }) => `${String(exitCode)} ${all}`).join('\n')}`;
    expect(
      checked.filter(({ exitCode }) => exitCode !== 0 && exitCode !== 75),
      words,
    ).toEqual([]);
    expect(last.exitCode, words).toBe(0);
    // A killed watch may have left a shim that is about to start its worker: wait for that one.
    await until(`all to run: ${words}`, isComplete, 5_000);
    expect(counting.doubles, words).toEqual([]);
    expect(notesOf(rig, 'DOUBLE'), words).toEqual([]);
  }

  census.stop();
  const starts = notesOf(rig, 'UP').length;
  const wall = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(
    `proof: ${rounds} watches, ${killedInTime} killed, ${atWork} of them at a pass or after it, ${deaths} deaths, ${starts} starts, ${census.samples()} samples ` +
      `of /proc, at most ${census.most()} process of one identifier at a time, ${wall} s\n`,
  );
  expect(census.most()).toBe(1);
  expect(killedInTime).toBe(rounds);
  if (rounds >= 50) expect(atWork, 'watches that have done something').toBeGreaterThan(rounds / 20);
  // One of each at first, and one for each death: each was restarted once.
  expect(starts).toBe(identifiers.length + deaths);
});

const bootchecks = (rig: Rig, count: number): Running[] =>
  Array.from({ length: count }, () => rig.workerctl('bootcheck'));
