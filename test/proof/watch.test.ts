import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { Rig, type Ended } from '../engine/rig.ts';
import { endProcess, pause, until } from '../rig/kernel.ts';
import { watchProcesses, type Census } from './census.ts';
import { randomFrom } from './random.ts';

// 200 watches, each killed with KILL at a random moment while workers die and bootchecks run beside it. What runs is
// counted from /proc by the marker, and by a flock that each worker takes for its life.

const rounds = Number(process.env['PROOF_ROUNDS'] ?? 200);
const seed = Number(process.env['PROOF_SEED'] ?? Date.now() % 1_000_000);
const identifiers = ['1', '2', '3'];
const instances = identifiers.map((identifier) => `mail.${identifier}`);

/** Stays until it is killed, and tells when somebody else has the lock of its identifier. $1 is the folder. */
const workerScript = `#!/bin/sh
exec 9>"$1/alone.$WORKERCTL_ID"
flock -n 9 || echo "DOUBLE $$ $WORKERCTL_ID" >>"$1/signals"
echo "UP $$" >>"$1/signals"
exec sleep 1000000
`;

let rig: Rig | undefined;
let census: Census | undefined;

afterEach(async () => {
  census?.stop();
  await rig?.dispose();
});

test(`${rounds} watches that are killed at random moments must never make two processes of one identifier, nor leave one missing`, async () => {
  const random = randomFrom(seed);
  process.stdout.write(`proof: seed ${seed} (PROOF_SEED), ${rounds} rounds (PROOF_ROUNDS)\n`);
  rig = new Rig(identifiers);
  const { stateDir, folder } = rig;
  rig.write('worker.sh', workerScript);
  census = watchProcesses(stateDir);
  const counting = census;
  const begun = performance.now();
  let deaths = 0;
  let killedInTime = 0;
  let atWork = 0;

  const isComplete = (): boolean => {
    const running = counting.sample();
    return instances.every((name) => running.get(name)?.length === 1);
  };

  for (let round = 1; round <= rounds; round += 1) {
    const watch = rig.launch(['watch']);
    const victims = [...counting.sample().values()].flat().filter(() => random.below(2) === 0);
    // A watch needs some 150 ms until it looks: half of the deaths come before that, half under its eyes.
    await pause(random.below(260));
    // A bootcheck needs as long: so they, and the watch, come upon the same deaths at the same time.
    const beside = random.below(3) === 0 ? bootchecks(rig, 3) : [];
    if (beside.length > 0) await pause(60 + random.below(120));
    for (const { pid } of victims) await endProcess(pid);
    deaths += victims.length;
    await pause(random.below(60));
    watch.child.kill('SIGKILL');
    const told = [await watch.ended, ...(await Promise.all(beside))];
    if (told[0]?.signal === 'SIGKILL') killedInTime += 1;
    if (told[0]?.stdout.includes('Job mail has only') === true) atWork += 1;

    const last = await rig.run('bootcheck');
    const words = `round ${round}\n${[...told, last].map(describe).join('\n')}`;
    expect(
      told.slice(1).filter(({ code }) => code !== 0 && code !== 75),
      words,
    ).toEqual([]);
    expect(last.code, words).toBe(0);
    // A killed watch may have left a shim that is about to start its worker: that counts, a moment later.
    await until(`all to run: ${words}`, isComplete, 5_000);
    expect(counting.doubles, words).toEqual([]);
    expect(doublesIn(folder), words).toEqual([]);
  }

  census.stop();
  const starts = readFileSync(`${folder}/signals`, 'utf8').match(/^UP /gm)?.length ?? 0;
  const wall = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(
    `proof: ${rounds} watches, ${killedInTime} killed, ${atWork} of them at a pass or after it, ${deaths} deaths, ${starts} starts, ${census.samples()} samples ` +
      `of /proc, at most ${census.most()} process of one identifier at a time, ${wall} s\n`,
  );
  expect(census.most()).toBe(1);
  expect(killedInTime).toBe(rounds);
  if (rounds >= 50) expect(atWork, 'watches that have done something').toBeGreaterThan(rounds / 20);
  // One of each at first, and one for each death: whoever restarts has done it once.
  expect(starts).toBe(identifiers.length + deaths);
});

const bootchecks = (checked: Rig, count: number): Promise<Ended>[] =>
  Array.from({ length: count }, () => checked.run('bootcheck'));

const doublesIn = (folder: string): string[] =>
  readFileSync(`${folder}/signals`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('DOUBLE '));

const describe = ({ code, signal, stdout, stderr }: Ended): string =>
  `${String(code ?? signal)} ${stdout}${stderr}`.trimEnd();
