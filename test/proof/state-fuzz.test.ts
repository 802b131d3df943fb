import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { exitCodes, type ExitCodeName } from '../../src/core/basics/exit-codes.ts';
import { commands } from '../../src/commands/table.ts';
import { isRoot } from '../rig/programs.ts';
import { damage } from './damage.ts';
import { bare, createLane, type Ended, type Lane } from './lane.ts';
import { randomFrom, type Random } from './random.ts';

// Each case damages one file of a state directory whose workers run, drain, are held or have died, and then runs real
// commands. Each command must end with a code that its help documents, in little time and memory; no instance may run twice,
// no process may get a second TERM, and no foreign process any signal; and if bootcheck reports success, all that should run
// does. PROOF_CASE runs one case alone: what is done follows from the seed and its number.

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

const overlapping = 'restart --overlap --wait 2s mail';

const acting = [
  'bootcheck',
  'start',
  'start gone',
  'stop --wait 2s mail',
  'stop --no-wait',
  'stop --now',
  'restart --wait 2s mail',
  'restart --no-wait',
  overlapping,
  'rollout cancel',
  'hold mail.1',
  'unhold',
  'quiet mail',
  'resume mail',
  'want 3 mail',
  'want 1 mail',
  'trigger',
];

/** Commands after which all runs that ran before. */
const leaving = [...looking, 'bootcheck', 'start', 'trigger', 'unhold'];

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

// A case takes 0.3 s on a quiet machine with two cores.
const limit = { timeout: 60_000 + cases * 10_000 };

test(
  `${cases} damaged files must never crash a command, start an instance twice, or reach a foreign process`,
  limit,
  async () => {
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
        if (number > 0 && number % 200 === 0)
          process.stdout.write(`proof: ${number} cases begun\n`);
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
  },
);

/** Damages one or two files, runs commands, and says what was wrong. */
async function runCase(
  lane: Lane,
  random: Random,
): Promise<{ words: string; wrong: string[]; ended: Ended[]; hasActed: boolean }> {
  const done: string[] = [];
  const hasActed = random.below(3) === 0;
  const isKilled = hasActed && random.below(2) === 0;
  const isOfIdentity = isKilled && random.below(2) === 0;
  const what = isOfIdentity ? 'identity' : 'anything';
  const files = lane.files();
  const targets = [pickFile(files, random), ...(random.below(8) === 0 ? [random.pick(files)] : [])];
  if (isKilled) {
    await lane.kill('mail.2');
    done.push('mail.2 killed');
    targets[0] = join(lane.stateDir, 'mail.2.json');
  } else if (hasActed && random.below(2) === 0) {
    const living = random.pick(['mail.1', ...bare]); // their processes live
    targets[0] = join(lane.stateDir, `${living}.${random.pick(['json', 'json', 'pid'])}`);
  }
  for (const path of targets) {
    done.push(`${lane.nameOf(path)}: ${damage(path, random, files, lane.bystander, what)}`);
    if (random.below(2) === 0) lane.own(path);
  }
  const adoption = `adopt --dry-run mail.1 ${targets[0] ?? ''}`;
  const chosen = hasActed
    ? [
        random.pick(isOfIdentity ? leaving : acting),
        random.pick(isOfIdentity ? leaving : [...acting, ...looking]),
        'bootcheck',
      ]
    : [random.pick([...looking, adoption]), random.pick(looking)];
  const ended: Ended[] = [];
  const wrong: string[] = [];
  for (const command of chosen) {
    const one = await lane.run(...command.split(' '));
    ended.push(one);
    wrong.push(...(await wrongIn(one)));
  }
  const overlap = chosen.includes(overlapping);
  const damaged = done.join('; ');
  wrong.push(...lane.harm({ overlap, secondTerm: damaged.includes('.stop') }));
  if (hasActed) wrong.push(...(await runningTwice(lane, overlap)));
  if (isPromised(damaged, ended)) wrong.push(...(await missing(lane, ended)));
  return { words: `${damaged}; then ${chosen.join(', ')}`, wrong, ended, hasActed };
}

/** One file, more often a record than its share: a wrong signal or a second start would follow from these. */
function pickFile(files: readonly string[], random: Random): string {
  const records = files.filter((path) => /\.workerctl\/\w+\.\d+\.json$/.test(path));
  return random.pick(random.below(4) === 0 && records.length > 0 ? records : files);
}

/** Instances of which two processes live, or stay after a restart that let them overlap. */
async function runningTwice(lane: Lane, overlap: boolean): Promise<string[]> {
  const found = (): string[] =>
    ['mail.1', 'mail.2', 'held.1', 'slow.1', ...bare].filter((name) => lane.countOf(name) > 1);
  for (let round = 0; overlap && round < 50 && found().length > 0; round++) await setTimeout(100);
  return found().map((name) => `${name} runs twice`);
}

/**
 * Whether the last bootcheck has promised that all that was wanted at first runs. It believes what is damaged beyond
 * recognition: a record of a foreign process that agrees with the kernel, and what state.json wants.
 */
function isPromised(damaged: string, ended: readonly Ended[]): boolean {
  const last = ended.at(-1);
  return (
    last?.command === 'bootcheck' &&
    last.exitCode === exitCodes.done.code &&
    ended.every(({ command }) => leaving.includes(command)) &&
    !/foreign|state\.json/.test(damaged)
  );
}

/**
 * Those that do not run, without those that wait for their next attempt after a start that an earlier command has reported as
 * failed.
 */
async function missing(lane: Lane, ended: readonly Ended[]): Promise<string[]> {
  const absent = ['mail.1', 'mail.2', 'held.1', ...bare].filter((name) => lane.countOf(name) === 0);
  const wasTold = ended.some(
    ({ command, exitCode }) => !looking.includes(command) && exitCode !== exitCodes.done.code,
  );
  const waiting = absent.length > 0 && wasTold ? await inBackoff(lane) : [];
  return absent
    .filter((name) => !waiting.includes(name))
    .map((name) => `${name} does not run, and bootcheck ended with 0`);
}

async function inBackoff(lane: Lane): Promise<readonly string[]> {
  const { stdout } = await lane.run('status', '--json');
  const { instances } = JSON.parse(stdout) as {
    readonly instances: readonly { readonly instance: string; readonly state: string }[];
  };
  return instances.flatMap(({ instance, state }) => (state === 'backoff' ? [instance] : []));
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
