import type { Event } from '../../core/events/event.ts';
import { spoolIn, type Spool } from './spool.ts';
import { kill, type CommandResult, type Stage } from './stage.ts';
import { demoConfig, workerCount } from './worker-program.ts';

/** The instances that the config wants. */
const names: readonly string[] = Array.from(
  { length: workerCount },
  (_, index) => `delayed_job.${index + 1}`,
);

/** How long the long job takes. */
const jobSeconds = 6;

/** How long something may take that usually takes a moment. */
const soonMs = 5_000;

/**
 * Tells the whole story on this stage.
 * @throws BrokenClaim at the first claim that is not true
 */
export async function tellStory(stage: Stage): Promise<void> {
  const spool = spoolIn(stage.folder);
  const [first = '', second = ''] = names;
  introduce(stage);
  await startAll(stage);
  const busy = await giveLongJob(stage, spool);
  await deployAndRestart(stage, spool, busy);
  await replaceKilled(stage, first);
  await overlap(stage, second);
  await stopAll(stage, spool);
}

function introduce({ folder, say, quote }: Stage): void {
  say(
    `This is a real run, with real worker processes and jobs that are files. Everything is in
${folder} and is removed at the end. Each line with "ok" was checked in /proc, in the files of the
jobs, or in the journal. This is the whole config, workerctl.yaml:`,
  );
  quote(demoConfig);
}

async function startAll(stage: Stage): Promise<void> {
  stage.step('Start three workers');
  await stage.runs('start', 0);
  await holdsOneEach(stage);
  await stage.runs('status', 0);
}

/** Returns the instance that does the job. */
async function giveLongJob(stage: Stage, spool: Spool): Promise<string> {
  const { step, say, command, holds } = stage;
  step(`Give them a long job: ${jobSeconds} seconds`);
  say('A job is a file in spool/. One worker takes it; the others stay idle.');
  command(`echo ${jobSeconds} > job && mv job spool/report`);
  spool.put('report', jobSeconds);
  await holds(
    'one worker is busy with it',
    () => unless(spool.workerOf('report') !== undefined, 'that no worker has taken it'),
    soonMs,
  );
  const busy = spool.workerOf('report') ?? '';
  say(`It is ${busy}. Killing it now would lose the report.`);
  return busy;
}

/** The chapter that workerctl is made for: new code arrives while a worker is busy. */
async function deployAndRestart(stage: Stage, spool: Spool, busy: string): Promise<void> {
  const { step, say, quote, command, holds, runs, deploy, workerctl } = stage;
  const before = new Map(names.map((name) => [name, pidOf(stage, name)]));
  const waiting = (some: readonly string[]): string[] =>
    some.filter((name) => [undefined, before.get(name)].includes(pidOf(stage, name)));
  const replaced = (some: readonly string[]) => (): string | undefined =>
    unless(waiting(some).length === 0, `that ${waiting(some).join(', ')} is not`);

  step('Deploy new code, and restart');
  say(
    `One idle worker is asked to stop first. Its replacement must prove the new code, by running for a
second. Only then are the others asked. Each finishes its job and exits. No worker is killed.`,
  );
  command('echo 2 > VERSION');
  deploy(2);
  command('workerctl restart --graceful &');
  const restart = workerctl('restart --graceful');
  say('The command waits. Meanwhile, in a second terminal:');
  const idle = names.filter((name) => name !== busy);
  await holds(`the idle ones, ${idle.join(' and ')}, are replaced`, replaced(idle), soonMs);
  await holds(`${busy} is still busy with its job`, () =>
    unless(pidOf(stage, busy) !== undefined && spool.workerOf('report') === busy, 'that it is not'),
  );
  await runs('status', 3);
  say('Exit code 3: fewer instances are ready than wanted.');
  say('');
  say(`A second process could do the same job again, so ${busy} cannot be started now:`);
  await runs(`start ${busy}`, 1);
  await holds(`${busy} is still its old process, and no other`, () =>
    unless(pidOf(stage, busy) === before.get(busy), `pid ${pidOf(stage, busy) ?? 'none'}`),
  );

  say('Now we wait for the job.');
  const report = (): readonly string[] => spool.doneLines('report');
  await holds(
    'the job is done, exactly once',
    () => doneOnce(report()),
    jobSeconds * 1000 + soonMs,
  );
  quote(report().join('\n'));
  await holds(`${busy} has exited by itself and is replaced`, replaced([busy]), soonMs);
  await endOfRestart(stage, spool, busy, await restart);
}

async function endOfRestart(
  stage: Stage,
  spool: Spool,
  busy: string,
  restart: CommandResult,
): Promise<void> {
  const { say, quote, command, output, holds, events } = stage;
  say('All are replaced and ready, so the restart ends. Its output:');
  output(restart.output, restart.exitCode);
  await holds('it ends with exit code 0', () =>
    unless(restart.exitCode === 0, String(restart.exitCode)),
  );
  await holds('an idle one had proven the new code before any other was asked', () => {
    const story = events().filter(({ kind }) => kind === asked || kind === proven);
    const first = story.findIndex(({ kind }) => kind === proven);
    const canaries = story.slice(0, first).map(({ instance }) => instance);
    return unless(canaries.length === 1 && canaries[0] !== busy, canaries.join(', '));
  });
  await holdsOneEach(stage);
  command('echo 0.2 > job && mv job spool/letter');
  spool.put('letter', 0.2);
  await holds('the new code does the next job', () => doneByNewCode(spool), soonMs);
  quote(spool.doneLines('letter').join('\n'));
}

const asked: Event['kind'] = 'draining';
const proven: Event['kind'] = 'rollout_continues';
const started: Event['kind'] = 'started';

function doneByNewCode(spool: Spool): string | undefined {
  const lines = spool.doneLines('letter');
  const [line = ''] = lines;
  return (
    doneOnce(lines) ??
    unless(line.endsWith('code version 2'), line) ??
    unless(spool.unfinished().length === 0, 'it still in working/')
  );
}

async function replaceKilled(stage: Stage, victim: string): Promise<void> {
  const { step, say, runs, holds } = stage;
  step('A worker is killed');
  await killWorker(stage, victim);
  await runs('status', 3);
  say('bootcheck starts what is missing. Cron runs it every minute.');
  await runs('bootcheck', 0);
  await holdsOneEach(stage);
  say('If there is nothing to do, it prints nothing, so cron sends no mail.');
  const { output } = await runs('bootcheck', 0);
  await holds('it prints nothing', () => unless(output === '', JSON.stringify(output)));
}

async function killWorker(stage: Stage, victim: string): Promise<void> {
  const pid = pidOf(stage, victim) ?? 0;
  stage.command(`kill -9 ${pid}`);
  kill(pid);
  await stage.holds(
    `${victim} is gone`,
    () => unless(!stage.processes().has(victim), 'that it is running'),
    soonMs,
  );
}

async function overlap(stage: Stage, victim: string): Promise<void> {
  const { step, say, command, output, holds, workerctl, processes, events } = stage;
  const starts = (): number =>
    events().filter(({ kind, instance }) => kind === started && instance === victim).length;
  step('Two bootchecks at the same time');
  say('Another worker is killed, and two bootchecks start together.');
  await killWorker(stage, victim);
  const before = starts();
  command('workerctl bootcheck & workerctl bootcheck &');
  let most = 0;
  const counting = setInterval(() => {
    most = Math.max(most, processes().get(victim)?.length ?? 0);
  }, 10);
  const both = [workerctl('bootcheck'), workerctl('bootcheck')];
  const results = await Promise.all(both).finally(() => {
    clearInterval(counting);
  });
  for (const result of results) output(result.output, result.exitCode);
  const codes = results.map(({ exitCode }) => exitCode).sort((a, b) => a - b);
  await holds('exactly one of them started it', () =>
    unless(starts() - before === 1, `${starts() - before} starts`),
  );
  await holds('the other one ended with 75, or had nothing to do', () =>
    unless(['0,75', '0,0'].includes(codes.join()), `exit codes ${codes.join(', ')}`),
  );
  await holds(`${victim} never had two processes`, () => unless(most <= 1, `${most}`));
  await holdsOneEach(stage);
}

async function stopAll(stage: Stage, spool: Spool): Promise<void> {
  const { step, say, runs, holds, processes } = stage;
  const noneLeft = (): string | undefined =>
    unless(processes().size === 0, [...processes().keys()].join(', '));
  step('Stop them all');
  await runs('stop', 0);
  await holds('no worker is left', noneLeft);
  await holds('no job is left over', () =>
    unless(spool.unfinished().length === 0, spool.unfinished().join(', ')),
  );
  say('A stop is remembered: bootcheck does not start them.');
  await runs('bootcheck', 0);
  await holds('it started none', noneLeft);
}

/** The pid of an instance that has exactly one process. */
function pidOf({ processes }: Stage, instance: string): number | undefined {
  const [pid, ...others] = processes().get(instance) ?? [];
  return others.length === 0 ? pid : undefined;
}

const holdsOneEach = ({ holds, processes }: Stage): Promise<void> =>
  holds('three workers run, one process each', () => {
    const pids = processes();
    const wrong = names.filter((name) => pids.get(name)?.length !== 1);
    return unless(
      wrong.length === 0,
      wrong.map((name) => `${pids.get(name)?.length ?? 0} of ${name}`).join(', '),
    );
  });

/** What is wrong if a job has not been done exactly once. */
const doneOnce = (lines: readonly string[]): string | undefined =>
  unless(
    lines.length === 1,
    lines.length === 0 ? 'that it is not' : `it done ${lines.length} times`,
  );

/** What was found, if a claim is not true. */
const unless = (isTrue: boolean, found: string): string | undefined => (isTrue ? undefined : found);
