import { afterEach, expect, test } from 'vitest';
import { exitCodes, type ExitCodeName } from '../../src/core/basics/exit-codes.ts';
import { commands } from '../../src/commands/table.ts';
import { isRoot } from '../rig/programs.ts';
import { damage } from './damage.ts';
import { createLane, type Ended, type Lane } from './lane.ts';
import { randomFrom, type Random } from './random.ts';

// Each case damages one file of a state directory whose workers run, drain, are held or have died, and then runs real
// commands. Each command must end with a code that its help documents, in little time and memory; no instance may run twice,
// and no foreign process may get a signal. PROOF_CASE runs one case alone: what is done follows from the seed and its number.

const cases = Number(process.env['PROOF_CASES'] ?? 2000);
const only = process.env['PROOF_CASE'];
const seed = Number(process.env['PROOF_SEED'] ?? Date.now() % 1_000_000);

/** Commands that look, and change nothing. */
const looking = [
  'status',
  'status --json mail.1',
  'events',
  'events --json -n 5 mail',
  'logs -n 5',
  'jobs',
  'rollout',
  'doctor',
  'check',
  'bootcheck --dry-run',
  'restart --dry-run',
  'stop --dry-run mail',
  'start --dry-run mail',
];

const acting = [
  'bootcheck',
  'start',
  'start gone',
  'stop --wait 2s mail',
  'stop --no-wait',
  'stop --now',
  'restart --wait 2s mail',
  'restart --no-wait',
  'rollout cancel',
  'hold mail.1',
  'unhold',
  'quiet mail',
  'resume mail',
  'want 3 mail',
  'want 1 mail',
  'trigger',
];

/** Whatever is wrong with the state directory: these codes are in the README, and not in each help. */
const always: readonly ExitCodeName[] = ['state', 'locked'];

async function allowedFor(command: string): Promise<readonly number[]> {
  const help = await commands[command.split(' ')[0] ?? '']?.();
  const names = [...Object.keys(help?.exitCodes ?? {}), ...always] as ExitCodeName[];
  return names.map((name) => exitCodes[name].code);
}

let lanes: Lane[] = [];

afterEach(async () => {
  for (const lane of lanes) await lane.end();
  lanes = [];
});

test(`${cases} damaged files must never crash a command, start an instance twice, or reach a foreign process`, async () => {
  process.stdout.write(
    `proof: seed ${seed} (PROOF_SEED), ${cases} cases (PROOF_CASES, or PROOF_CASE for one)\n`,
  );
  const startedAt = performance.now();
  const numbers =
    only === undefined ? Array.from({ length: cases }, (_, index) => index) : [Number(only)];
  const problems: string[] = [];
  const ends: Ended[] = [];
  const users = isRoot
    ? [undefined, undefined, undefined, 65_534]
    : [undefined, undefined, undefined];
  lanes = await Promise.all(users.slice(0, numbers.length).map((user) => createLane(user)));

  const work = async (lane: Lane): Promise<void> => {
    let isFresh = false;
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
      if (!isFresh) await lane.reset();
      const restore = lane.keep();
      const { words, wrong, ended, hasActed } = await runCase(
        lane,
        randomFrom(seed * 1_000_003 + number),
      );
      ends.push(...ended);
      if (wrong.length > 0) problems.push(`case ${number}: ${words}\n  ${wrong.join('\n  ')}`);
      isFresh = wrong.length === 0 && !hasActed;
      if (isFresh) restore();
    }
  };
  await Promise.all(lanes.map(work));

  const slowest = Math.max(...ends.map(({ seconds }) => seconds));
  const wall = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(
    `proof: ${ends.length} commands (${codesOf(ends)}), the slowest took ${slowest.toFixed(1)} s, ${wall} s in all\n`,
  );
  expect(problems.join('\n\n')).toBe('');
});

/** Damages one or two files, runs commands, and says what was wrong. */
async function runCase(
  lane: Lane,
  random: Random,
): Promise<{ words: string; wrong: string[]; ended: Ended[]; hasActed: boolean }> {
  const done: string[] = [];
  const files = lane.files();
  const targets = [random.pick(files), ...(random.below(8) === 0 ? [random.pick(files)] : [])];
  for (const path of targets) {
    done.push(`${lane.nameOf(path)}: ${damage(path, random, files, lane.bystander)}`);
    if (random.below(2) === 0) lane.own(path);
  }
  const adoption = `adopt --dry-run mail.1 ${targets[0] ?? ''}`;
  const hasActed = random.below(3) === 0;
  const chosen = hasActed
    ? [random.pick(acting), random.pick([...acting, ...looking]), 'bootcheck']
    : [random.pick([...looking, adoption]), random.pick(looking)];
  const ended: Ended[] = [];
  const wrong: string[] = [];
  for (const command of chosen) {
    const one = await lane.run(...command.split(' '));
    ended.push(one);
    wrong.push(...(await wrongIn(one)));
  }
  wrong.push(...lane.harm());
  return { words: `${done.join('; ')}; then ${chosen.join(', ')}`, wrong, ended, hasActed };
}

/** Memory and time are limited from outside; a command that reaches a limit ends by a signal. */
async function wrongIn(ended: Ended): Promise<string[]> {
  const { command, exitCode, signal, isTimedOut, stderr, stdout } = ended;
  const said = `${command}: ${stderr.slice(0, 1500)}${stdout.slice(0, 300)}`;
  if (isTimedOut) return [`did not end: ${said}`];
  const allowed = await allowedFor(command);
  const wrong: string[] = [];
  if (exitCode === undefined || !allowed.includes(exitCode))
    wrong.push(`ended with ${String(exitCode ?? signal)}: ${said}`);
  if (/^ {4}at .*:\d+:\d+\)?$/m.test(stderr) || /bad_alloc|heap out of memory/.test(stderr))
    wrong.push(`crashed: ${said}`);
  return wrong;
}

function codesOf(ends: readonly Ended[]): string {
  const counts = new Map<string, number>();
  for (const { exitCode, signal } of ends) {
    const code = `exit ${String(exitCode ?? signal)}`;
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return [...counts].map(([code, count]) => `${code}: ${count}`).join(', ');
}
