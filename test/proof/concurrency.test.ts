import { afterEach, expect, test } from 'vitest';
import { watchProcesses, type Census } from './census.ts';
import { randomFrom, type Random } from './random.ts';
import { createProofRig, instances, notesOf } from './worker.ts';
import type { Acted } from '../rig/output.ts';
import { statusOf, type Rig } from '../rig/rig.ts';
import { pause, until } from '../rig/wait.ts';

// 200 rounds of 8 concurrent commands on the same three identifiers. What runs is counted from /proc by the marker, all
// the time, and by a flock that each worker takes for its life; workerctl's own files are not trusted.

const rounds = Number(process.env['PROOF_ROUNDS'] ?? 200);
const seed = Number(process.env['PROOF_SEED'] ?? Date.now() % 1_000_000);
const commandsPerRound = 8;
const verbs = ['start', 'bootcheck', 'restart'];

/**
 * Exits soon after TERM, each identifier at its own pace. It holds a lock of its identifier for its whole life, and notes if
 * another process has it: that shows even a pair that lived for a moment only.
 */
const workerScript = `#!/bin/sh
folder=$RIG id=$WORKERCTL_ID asked=
read -r stat </proc/self/stat
start_time_of() { shift 19; start=$1; }
start_time_of \${stat##*) }
trap 'echo "TERM $$ $start" >>"$folder/signals"; asked=1' TERM
trap : USR1 USR2
exec 9>"$folder/alone.$id"
flock -n 9 || echo "DOUBLE $$ $id" >>"$folder/signals"
echo "UP $$ $start" >>"$folder/signals"
while [ -z "$asked" ]; do
  sleep 0.1 9>&- &
  wait $!
done
case $id in 2) sleep 0.03 9>&- ;; 3) sleep 0.1 9>&- ;; esac
exit 0
`;

let census: Census | undefined;

afterEach(() => {
  census?.stop();
});

test(`${rounds} rounds of ${commandsPerRound} concurrent commands must never make two processes of one identifier`, async () => {
  const random = randomFrom(seed);
  process.stdout.write(`proof: seed ${seed} (PROOF_SEED), ${rounds} rounds (PROOF_ROUNDS)\n`);
  const rig = createProofRig(workerScript);
  census = watchProcesses(rig.stateDir);
  const startedAt = performance.now();
  const ends: Acted[] = [];

  for (let round = 1; round <= rounds; round += 1) {
    const raced = await race(rig, random);
    ends.push(...raced.map(({ ended }) => ended));
    const log = raced.map(({ verb, ended }) => `${verb}: ${describe(ended)}`).join('\n');
    const codes = raced.map(({ ended }) => ended.exitCode);
    expect(
      codes.filter((code) => ![0, 1, 5, 75].includes(code ?? -1)),
      `round ${round}, exit codes\n${log}`,
    ).toEqual([]);

    const asked = askedIn(raced.map(({ ended }) => ended));
    expect(asked, `round ${round}: no process may be asked twice\n${log}`).toEqual([
      ...new Set(asked),
    ]);

    const last = await rig.act('bootcheck');
    expect(last.exitCode, `round ${round}, the last bootcheck: ${describe(last)}\n${log}`).toBe(0);
    const running = census.sample();
    expect(
      instances.map((name) => `${name}: ${running.get(name)?.length ?? 0}`),
      `round ${round}, after the last bootcheck: ${describe(last)}\n${log}`,
    ).toEqual(instances.map((name) => `${name}: 1`));
    expect(census.doubles, `round ${round}\n${log}`).toEqual([]);
    expect(notesOf(rig, 'DOUBLE'), `round ${round}\n${log}`).toEqual([]);
  }

  census.stop();
  const most = Math.max(...countsOf(notesOf(rig, 'TERM')).values());
  const starts = notesOf(rig, 'UP').length;
  const wall = (performance.now() - startedAt) / 1000;
  const codes = [...countsOf(ends.map(({ exitCode }) => `exit ${String(exitCode)}`))];
  process.stdout.write(
    `proof: ${rounds} rounds, ${ends.length} racing commands (${codes.map(([code, count]) => `${code}: ${count}`).join(', ')}), ` +
      `${starts} starts, ${census.samples()} samples of /proc, at most ${census.most()} process of one identifier at a time, ` +
      `at most ${most} TERM a process, ${wall.toFixed(1)} s\n`,
  );
  expect(census.most()).toBe(1);
  expect(most, 'TERMs that one process got').toBe(1);
  expect(starts).toBeGreaterThan(rounds);
});

/** What may be done to a restart, and what takes that back. */
const table: readonly (readonly [words: string, undo?: string])[] = [
  ['rollout pause', 'rollout continue'],
  ['rollout pause --for 1s'],
  ['rollout cancel'],
  ['hold mail.1', 'unhold'],
  ['hold', 'unhold'],
  ['quiet mail.1', 'resume mail.1'],
  ['quiet', 'resume'],
  ['stop --no-wait mail.2', 'start'],
  ['stop --no-wait', 'start'],
  ['want 1 mail', 'want --reset mail'],
  ['want 5 mail', 'want --reset mail'],
  ['restart mail.3'],
  ['restart'],
  ['bootcheck'],
];

test('a restart that races with each command of its table must end, and all must run once', async () => {
  const random = randomFrom(seed);
  const rig = createProofRig(workerScript, {
    count: 3,
    stop: { quiet: 'USR1', resume: 'USR2' },
  });
  census = watchProcesses(rig.stateDir);
  await rig.act('start');
  for (const [words, undo] of table) {
    for (let turn = 0; turn < Math.ceil(rounds / 50); turn += 1) {
      const restart = rig.act('restart');
      await pause(random.below(400));
      const other = await rig.act(...words.split(' '));
      await pause(random.below(200));
      if (undo !== undefined) await rig.act(...undo.split(' '));
      const { exitCode, all } = await restart;
      const log = `${words}: ${describe(other)}\nrestart: ${String(exitCode)} ${all}`;
      expect([0, 1, 5], log).toContain(exitCode);
      expect([0, 1, 5, 75], log).toContain(other.exitCode);
      await until(`the end of the restarts\n${log}`, async () => {
        await rig.act('start');
        return (await statusOf(rig)).rollouts.length === 0;
      });
      const running = census.sample();
      expect(
        instances.map((name) => `${name}: ${running.get(name)?.length ?? 0}`),
        log,
      ).toEqual(instances.map((name) => `${name}: 1`));
      expect(census.doubles, log).toEqual([]);
    }
  }
  expect(notesOf(rig, 'DOUBLE')).toEqual([]);
  expect(Math.max(...countsOf(notesOf(rig, 'TERM')).values()), 'TERMs of one process').toBe(1);
});

interface Raced {
  readonly verb: string;
  readonly ended: Acted;
}

/** Starts the commands within a few milliseconds of each other and waits for all. */
async function race(raced: Rig, random: Random): Promise<Raced[]> {
  const stagger = random.pick([0, 0, 10, 60]);
  const running: Promise<Raced>[] = [];
  for (let index = 0; index < commandsPerRound; index += 1) {
    const verb = random.pick(verbs);
    running.push(raced.act(verb).then((ended) => ({ verb, ended })));
    if (stagger > 0) await pause(random.below(stagger));
  }
  return Promise.all(running);
}

/** The pids that commands have asked to stop: each of them is gone before the next round. */
const askedIn = (ends: readonly Acted[]): unknown[] =>
  ends.flatMap(({ of }) => of('draining').map(({ pid }) => pid));

function countsOf(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

const describe = ({ exitCode, all }: Acted): string => `${String(exitCode)} ${all}`;
