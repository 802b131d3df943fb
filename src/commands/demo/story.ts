import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Event } from '../../core/events/event.ts';
import type { Stage } from './stage.ts';
import { demoConfig, workerCount } from './worker-program.ts';

/** The instances that the config wants. */
const names = Array.from({ length: workerCount }, (_, index) => `delayed_job.${index + 1}`);

/** How long the long job takes. */
const jobSeconds = 6;

/** How long something may take that usually takes a moment. */
const soonMs = 5_000;

/**
 * Tells the whole story on this stage.
 * @throws BrokenClaim at the first claim that is not true
 */
export async function tellStory(stage: Stage): Promise<void> {
  const [first = '', second = ''] = names;
  stage.say(
    `This is a real run, with real worker processes and jobs that are files. Everything is in
${stage.folder} and is removed at the end. Each line with "ok" was checked in /proc, in the files of the
jobs, or in the journal. This is the whole config, workerctl.yaml:`,
  );
  stage.quote(demoConfig);
  await startAll(stage);
  await deploy(stage, await giveLongJob(stage));
  await replaceKilled(stage, first);
  await race(stage, second);
  await stopAll(stage);
}

async function startAll(stage: Stage): Promise<void> {
  stage.step('Start three workers');
  putVersion(stage, 1);
  await stage.run('start', 0);
  await claimOneEach(stage);
  await stage.run('status', 0);
}

/** Returns the instance that does the job. */
async function giveLongJob(stage: Stage): Promise<string> {
  stage.step(`Give them a long job: ${jobSeconds} seconds`);
  stage.say('A job is a file in spool/. One worker takes it; the others stay idle.');
  putJob(stage, 'report', jobSeconds);
  const taken = (): string => filesIn(stage, 'working');
  await stage.claim('one worker is busy with it', /^report\.delayed_job\.\d$/, taken, soonMs);
  const busy = taken().replace('report.', '');
  stage.say(`It is ${busy}. Killing it now would lose the report.`);
  return busy;
}

/** The chapter that workerctl is made for: new code arrives while a worker is busy. */
async function deploy(stage: Stage, busy: string): Promise<void> {
  const { step, say, command, claim, run } = stage;
  const idle = names.filter((name) => name !== busy);
  const old = stage.processes().map(({ pid }) => pid);
  const pid = pidOf(stage, busy);
  const replaced = (): string =>
    names.filter((name) => !old.includes(pidOf(stage, name) ?? NaN)).join();

  step('Deploy new code, and restart');
  say(
    `One idle worker is asked to stop first. Its replacement must prove the new code, by running for a
second. Only then are the others asked. Each finishes its job and exits. No worker is killed.`,
  );
  command('echo 2 > VERSION');
  putVersion(stage, 2);
  command('workerctl restart --graceful &');
  const restart = stage.start('restart --graceful');
  say('The command waits. Meanwhile, in a second terminal:');
  await claim(`the idle ones, ${idle.join(' and ')}, are replaced`, idle.join(), replaced, soonMs);
  await run('status', 3);
  say('Exit code 3: fewer instances are ready than wanted.');
  say('');
  say(`A second process could do the same job again, so ${busy} cannot be started now:`);
  await run(`start ${busy}`, 1);
  await claim(
    `${busy} is still its old process, busy with its job`,
    `pid ${pid}, report.${busy}`,
    () => `pid ${pidOf(stage, busy)}, ${filesIn(stage, 'working')}`,
  );

  say('Now we wait for the job.');
  await claimDone(stage, 'the job is done, exactly once', {
    job: 'report',
    pattern: new RegExp(`^report: done by ${busy}, pid ${pid}, code version 1\n$`),
    withinMs: jobSeconds * 1000 + soonMs,
  });
  await claim(`${busy} has exited by itself and is replaced`, names.join(), replaced, soonMs);
  say('All are replaced and ready, so the restart ends. Its output:');
  await stage.ends('restart --graceful', 0, restart);
  await claimNewCode(stage);
}

const asked: Event['kind'] = 'draining';
const proven: Event['kind'] = 'rollout_continues';
const started: Event['kind'] = 'started';

async function claimNewCode(stage: Stage): Promise<void> {
  const story = stage.events().filter(({ kind }) => kind === asked || kind === proven);
  const proof = story.findIndex(({ kind }) => kind === proven);
  await stage.claim(
    'an idle one had proven the new code before any other was asked',
    String(story[proof]?.instance),
    () =>
      story
        .slice(0, proof)
        .map(({ instance }) => instance)
        .join(),
  );
  await claimOneEach(stage);
  putJob(stage, 'letter', 0.2);
  await claimDone(stage, 'the new code does the next job', {
    job: 'letter',
    pattern: /^letter: done by \S+, pid \d+, code version 2\n$/,
    withinMs: soonMs,
  });
}

async function replaceKilled(stage: Stage, victim: string): Promise<void> {
  stage.step('A worker is killed');
  await killWorker(stage, victim);
  await stage.run('status', 3);
  stage.say('bootcheck starts what is missing. Cron runs it every minute.');
  await stage.run('bootcheck', 0);
  await claimOneEach(stage);
  stage.say('If there is nothing to do, it prints nothing, so cron sends no mail.');
  const { output } = await stage.run('bootcheck', 0);
  await stage.claim('it prints nothing', '', () => output);
}

async function killWorker(stage: Stage, victim: string): Promise<void> {
  const pid = pidOf(stage, victim);
  stage.command(`kill -9 ${pid}`);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  const rest = names.filter((name) => name !== victim).join();
  await stage.claim(`${victim} is gone`, rest, () => running(stage), soonMs);
}

async function race(stage: Stage, victim: string): Promise<void> {
  const { step, say, command, claim, events } = stage;
  const starts = (): number =>
    events().filter(({ kind, instance }) => kind === started && instance === victim).length;
  step('Two bootchecks at the same time');
  say('Another worker is killed, and two bootchecks start together.');
  await killWorker(stage, victim);
  const before = starts();
  command('workerctl bootcheck & workerctl bootcheck &');
  const results = await Promise.all([stage.start('bootcheck'), stage.start('bootcheck')]);
  results.forEach(stage.output);
  const codes = results.map(({ exitCode }) => exitCode).sort((a, b) => a - b);
  await claim('exactly one of them started it', '1 start', () => `${starts() - before} start`);
  await claim('the other one ended with 75, or had nothing to do', /^0,(?:75|0)$/, () =>
    codes.join(),
  );
  await claimOneEach(stage);
}

async function stopAll(stage: Stage): Promise<void> {
  const { step, say, run, claim } = stage;
  step('Stop them all');
  await run('stop', 0);
  await claim('no worker is left', '', () => running(stage));
  await claim('no job is left over', '', () => filesIn(stage, 'spool') + filesIn(stage, 'working'));
  say('A stop is remembered: bootcheck does not start them.');
  await run('bootcheck', 0);
  await claim('it started none', '', () => running(stage));
}

const claimOneEach = (stage: Stage): Promise<void> =>
  stage.claim('three workers run, one process each', names.join(), () => running(stage), soonMs);

/** The instance of each process. */
const running = ({ processes }: Stage): string =>
  processes()
    .map(({ instance }) => instance)
    .sort()
    .join();

/** The pid of an instance that has exactly one process. */
function pidOf({ processes }: Stage, name: string): number | undefined {
  const found = processes().filter(({ instance }) => instance === name);
  return found.length === 1 ? found[0]?.pid : undefined;
}

/** Replaces the code of the workers. */
function putVersion({ folder }: Stage, version: number): void {
  writeFileSync(join(folder, 'VERSION'), `${version}\n`);
}

/** Jobs are files: in spool/ they wait, in working/ they are being done, in done/ each has a line for each time it was done. */
function putJob({ folder, command }: Stage, job: string, seconds: number): void {
  command(`echo ${seconds} > job && mv job spool/${job}`);
  writeFileSync(join(folder, 'job'), `${seconds}\n`);
  renameSync(join(folder, 'job'), join(folder, 'spool', job));
}

const filesIn = ({ folder }: Stage, name: string): string => readdirSync(join(folder, name)).join();

/** Claims that a job becomes done, once, and shows its line in done/. */
async function claimDone(
  stage: Stage,
  claim: string,
  { job, pattern, withinMs }: { job: string; pattern: RegExp; withinMs: number },
): Promise<void> {
  const path = join(stage.folder, 'done', job);
  const read = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  await stage.claim(claim, pattern, read, withinMs);
  stage.quote(read());
}
