// Lets a command die by kill -9 after its first effect, then after its second, and so on until it survives, each time
// in a directory of its own, and lets `bootcheck` continue from what is on disk.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { readOr } from './files.ts';
import { booted, type InstanceHandle } from './instance.ts';
import { isStillThere, processAt, type Seen } from './kernel.ts';
import { fixture, launcher } from './programs.ts';
import { createRig, type Rig, type WorkerKeys, type Workers } from './rig.ts';
import { pause, until } from './wait.ts';

/**
 * Where a command dies: after which of its effects, or while signal.sh works for it, after its note or after a signal.
 */
export type Fault = number | 'note' | 'signal';

/** A command that dies at a fault, and what must be true for every fault. */
export interface Scenario {
  readonly workers: Workers;
  /** Brings the rig to where the command begins. */
  readonly prepare: (rig: Rig) => Promise<unknown>;
  readonly command: readonly string[];
  /** No command looks before all that were asked to stop have exited. */
  readonly isLookedAfterLate?: boolean;
  /** What is done when the next passes have done what they could. */
  readonly afterwards?: (rig: Rig) => Promise<unknown>;
  /** What became of the request in the end; throws if something went wrong. */
  readonly verdict: (rig: Rig) => Verdict;
  /** The instances that must run in the end; all others must be down. */
  readonly wanted: (verdict: Verdict) => readonly string[];
}

/** `nothing` if the command died before its request was on disk. */
export type Verdict = 'nothing' | 'all';

interface Crash {
  readonly fault: Fault;
  readonly isSurvived: boolean;
  readonly verdict: Verdict;
}

/** Starts these and waits until they are up: their traps are set then. */
export const starting =
  (...names: readonly string[]) =>
  async (rig: Rig): Promise<void> => {
    const { exitCode, all } = await rig.workerctl('start', ...names);
    if (exitCode !== 0) throw new Error(`start: ${String(exitCode)} ${all}`);
    for (const name of names) await booted(rig.instance(name));
  };

/** A worker that notes all its signals, and continues for a while when it is asked to stop. */
export const noting = (keys: WorkerKeys = {}, env: Readonly<Record<string, string>> = {}) => ({
  command: fixture('notes-signals'),
  backoff: { initial: '20s' },
  ...keys,
  env: { LINGER: '0.4', OVERLAPS: '', BUSY: '', ...env },
});

/** This many at once for each file: other files run beside it. */
const lanes = 2;

/** More failures show nothing new. */
const mostFailures = 6;

/** No command has more effects: it runs in circles. */
const mostEffects = 150;

/**
 * Runs the scenario with each fault there is. A request that is on disk must not be lost any more: if it was carried
 * out after one fault, it must be carried out after every later fault too.
 * @returns after how many effects its command was killed
 */
export async function crashEverywhere(scenario: Scenario): Promise<number> {
  const crashes: Crash[] = [];
  const faults = faultsUntil(() => crashes.some(({ isSurvived }) => isSurvived));
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const fault of faults) {
      try {
        crashes.push(await crashAt(scenario, fault));
      } catch (error) {
        failures.push(error);
        if (failures.length === mostFailures) return;
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failures.length > 0) throw new Error(failures.map(String).join('\n\n'));

  const counted = crashes
    .filter(({ fault }) => typeof fault === 'number')
    .sort((a, b) => Number(a.fault) - Number(b.fault));
  const first = counted.findIndex(({ verdict }) => verdict === 'all');
  const lost = counted.filter(({ verdict }, index) => index > first && verdict === 'nothing');
  expect(lost, `the request is kept from effect ${first + 1} on`).toEqual([]);
  expect(crashes.filter((one) => one.isSurvived && one.verdict !== 'all')).toEqual([]);
  return counted.filter(({ isSurvived }) => !isSurvived).length;
}

function* faultsUntil(isThrough: () => boolean): Generator<Fault> {
  yield 'note';
  yield 'signal';
  for (let count = 1; !isThrough(); count += 1) {
    if (count > mostEffects) throw new Error(`it was killed after ${mostEffects} effects`);
    yield count;
  }
}

async function crashAt(scenario: Scenario, fault: Fault): Promise<Crash> {
  const rig = createRig(scenario.workers);
  const bystander = startBystander(rig);
  const log: string[] = [];
  try {
    await scenario.prepare(rig);
    const running = rig.workerctlWith(variablesOf(fault), ...scenario.command);
    running.all.on('data', (said: Buffer) =>
      log.push(`${scenario.command.join(' ')}: ${String(said)}`),
    );
    // Its end, and not that of its output: signal.sh has that too, and may still be at work.
    const signal = await new Promise((resolve) => {
      running.once('exit', (_code, by) => {
        resolve(by);
      });
    });
    if (scenario.isLookedAfterLate === true) await drained(rig);
    log.push(...(await settle(rig)));
    await scenario.afterwards?.(rig);
    const verdict = scenario.verdict(rig);
    await expectSound(rig, scenario.wanted(verdict));
    expect(isStillThere(bystander), 'the bystander lives').toBe(true);
    // A fault in signal.sh means nothing to a command that signals no process.
    return { fault, isSurvived: signal !== 'SIGKILL' && typeof fault === 'number', verdict };
  } catch (error) {
    throw new Error(`killed after ${fault}: ${String(error)}\n${log.join('\n')}\n${view(rig)}`, {
      cause: error,
    });
  } finally {
    for (const one of instancesIn(rig)) for (const pid of one.boots()) end(pid);
    end(bystander.pid);
  }
}

const variablesOf = (fault: Fault): Record<string, string> =>
  typeof fault === 'number'
    ? { WORKERCTL_TEST_DIE_AFTER: String(fault) }
    : { WORKERCTL_TEST_DIE_BEHIND: fault };

/** Like a child of a worker in a session of its own: it has all of the marker but the pid. */
function startBystander({ folder, stateDir }: Rig): Seen {
  const marker = { WORKERCTL_INSTANCE: 'mail.1', WORKERCTL_STATE_DIR: stateDir };
  const { pid = 0 } = spawn('sleep', ['1000'], {
    env: { PATH: process.env['PATH'], RIG: folder, WORKERCTL_PID: '1', ...marker },
    detached: true,
    stdio: 'ignore',
  });
  const started = processAt(pid);
  if (started === undefined) throw new Error('no bystander');
  return started;
}

/**
 * Runs bootcheck, the first time at once, and then whenever all that were asked to stop have exited, until it has nothing to
 * say and no restart is under way.
 * @returns what it said
 */
export async function settle(rig: Rig, timeoutMs = 15_000): Promise<string[]> {
  const log: string[] = [];
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const isCalm = !hasDraining(rig);
    const { exitCode, all } = await rig.workerctl('bootcheck');
    log.push(`bootcheck: ${String(exitCode)} ${all}`);
    // 75: signal.sh is still at work for the killed command.
    if (exitCode !== 0 && exitCode !== 75 && !existsSync(rig.path('broken')))
      throw new Error(log.join('\n'));
    const isQuiet = exitCode === 0 && all === '' && !isUnderWay(rig);
    // Before and after: a worker under load needs a moment to note its TERM.
    if (isCalm && isQuiet && !hasDraining(rig)) return log;
    if (performance.now() > deadline) throw new Error(`it never settles\n${log.join('\n')}`);
    const patience = performance.now() + 400;
    do await pause(30);
    while (hasDraining(rig) && performance.now() < patience);
  }
}

/** Waits until all that were asked to stop have exited; a worker under load needs a moment to note that it was asked. */
export async function drained(rig: Rig): Promise<void> {
  await pause(100);
  await until('all to exit', () => !hasDraining(rig));
}

/** Whether a process lives that was asked to stop. */
const hasDraining = (rig: Rig): boolean =>
  instancesIn(rig).some((one) => one.terms().some((pid) => processAt(pid) !== undefined));

/**
 * A restart that may continue, or a stop whose TERM a worker under load has not noted yet. Only to know when to look: the
 * verdict does not depend on our own files.
 */
function isUnderWay(rig: Rig): boolean {
  const { stateDir } = rig;
  const isAsked = instancesIn(rig).some(
    (one) =>
      existsSync(join(stateDir, `${one.name}.stop`)) &&
      processAt(one.boots().at(-1) ?? 0) !== undefined,
  );
  if (isAsked) return true;
  const desired = readOr(join(stateDir, 'state.json'), '{}');
  const { rollouts = [] } = JSON.parse(desired) as { rollouts?: { aborted?: unknown }[] };
  return rollouts.some(({ aborted }) => aborted === undefined);
}

/** The instances that ever ran. */
const instancesIn = (rig: Rig): InstanceHandle[] =>
  readdirSync(rig.folder)
    .filter((file) => file.endsWith('.boots'))
    .map((file) => rig.instance(file.slice(0, -'.boots'.length)));

/** What must be true however often the commands were killed. */
export async function expectSound(rig: Rig, wanted: readonly string[]): Promise<void> {
  for (const name of wanted) await until('a process', () => rig.instance(name).boots().length > 0);
  for (const handle of instancesIn(rig)) {
    const { name } = handle;
    // Its shim removes the pidfile a moment after a death.
    await until(
      `the pidfile of ${name} to go with its process`,
      () => handle.processes().length > 0 || handle.pid() === undefined,
    );
    const pids = handle.processes();
    const terms = handle.terms();
    expect(terms, `${name}: TERMs`).toEqual([...new Set(terms)]);
    expect(readOr(rig.path(`${name}.doubles`), ''), `${name}: two at a time`).toBe('');
    expect(pids, `${name}: processes`).toHaveLength(wanted.includes(name) ? 1 : 0);
    expect(
      handle.boots().filter((pid) => !terms.includes(pid)),
      `${name}: those that were not asked live`,
    ).toEqual(pids);
    expect(handle.pid(), `${name}: pidfile`).toBe(pids[0]);
  }
  // Any pass removes what the killed one has left half written.
  await rig.workerctl('unhold');
  const files = readdirSync(rig.stateDir, { recursive: true }).map(String);
  expect(files.filter((file) => /.\.new$|^\.new\/(?!(?:config|reserve)$)|~/.test(file))).toEqual(
    [],
  );
}

function view({ folder, stateDir }: Rig): string {
  const noted = readdirSync(folder)
    .filter((file) => /\.(?:boots|terms|quiets|resumes|doubles)$/.test(file))
    .map((file) => `${file}: ${readOr(join(folder, file), '').trim().replaceAll('\n', ' ')}`);
  const desired = readOr(join(stateDir, 'state.json'), 'no state.json');
  return [...noted, readdirSync(stateDir).join(' '), desired].join('\n');
}

function end(pid: number): void {
  if (processAt(pid) !== undefined) process.kill(pid, 'SIGKILL');
}

/** The instances of most scenarios. */
export const two = ['mail.1', 'mail.2'];
export const logged = { log: '^ready to work' };
export const steps = { quiet: 'USR1', resume: 'USR2' };

/** How many processes of each instance have noted this. */
export const counts = (rig: Rig, kind: 'boots' | 'terms' | 'quiets' | 'resumes'): number[] =>
  two.map((name) =>
    kind === 'boots'
      ? rig.instance(name).boots().length
      : readOr(rig.path(`${name}.${kind}`), '').split('\n').length - 1,
  );

/** `before` if the request was lost, `after` if it was carried out; anything else is wrong. */
export function oneOf(found: unknown, before: unknown, after: unknown): Verdict {
  if (JSON.stringify(found) === JSON.stringify(before)) return 'nothing';
  expect(found).toEqual(after);
  return 'all';
}

/** The living members of a session. */
export const membersOf = (session: number): number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && processAt(Number(pid))?.session === session)
    .map(Number);

/**
 * Shims according to the kernel, before there is a record or a worker: each leads its session. The process that becomes
 * its worker has the same arguments at first, but does not lead the session.
 */
export const shimsIn = ({ stateDir }: Rig, stage: 'supervise' | 'become'): number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && processAt(Number(pid)) !== undefined)
    .filter((pid) => {
      const [, script = '', found, , directory] = readOr(`/proc/${pid}/cmdline`, '').split('\0');
      const isLeader = processAt(Number(pid))?.session === Number(pid);
      const isIts = script.endsWith('/shim.sh') && found === 'supervise' && directory === stateDir;
      return isIts && isLeader === (stage === 'supervise');
    })
    .map(Number);

/**
 * From now on the rig's shell has a CLI whose shim waits for the file `go` before its first command that begins with this
 * text. `first` is what it does before it waits.
 */
export function holdShims(rig: Rig, command: string, first = ':'): void {
  const root = dirname(dirname(launcher));
  for (const name of ['bin', 'dist'])
    cpSync(join(root, name), rig.path(`held/${name}`), { recursive: true });
  const script = rig.path('held/dist/shim.sh');
  const text = readFileSync(script, 'utf8');
  const held = text.replace(
    command,
    () => `${first}; until [ -e '${rig.path('go')}' ]; do sleep 0.05; done; ${command}`,
  );
  if (held === text) throw new Error(`the shim has no ${command}`);
  writeFileSync(script, held);
  const program = rig.path('bin/workerctl');
  writeFileSync(
    program,
    readFileSync(program, 'utf8').replace(launcher, rig.path('held/bin/workerctl')),
  );
}

export function shimOf(rig: Rig, name: string): number {
  return Number(rig.instance(name).record()['shim_pid']);
}
