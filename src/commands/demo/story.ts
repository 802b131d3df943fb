import { deployAndRestart } from './deploy-chapter.ts';
import { names, oneEach, oneEachClaim, soonMs } from './facts.ts';
import { sceneOf, unless, type Scene } from './scene.ts';
import { kill, type Stage } from './stage.ts';
import type { Teller } from './teller.ts';
import { demoConfig } from './worker-program.ts';

/** How long the long job takes. */
const jobSeconds = 6;

/**
 * Tells the whole story on this stage.
 * @throws BrokenClaim at the first claim that is not true
 */
export async function tellStory(stage: Stage, teller: Teller, signal: AbortSignal): Promise<void> {
  const scene = sceneOf(stage, teller, signal);
  introduction(scene);
  await startAll(scene);
  const busy = await giveLongJob(scene);
  await deployAndRestart(scene, { busy, jobMs: jobSeconds * 1_000 });
  const [first = '', second = ''] = names;
  await replaceKilled(scene, first);
  await overlap(scene, second);
  await stopAll(scene);
}

function introduction({ folder, say, quote }: Scene): void {
  say('This is a real run: real worker processes, and jobs that are files.');
  say(`Everything is in ${folder}`);
  say('and is removed at the end. Each line with "ok" was checked in /proc and in');
  say('the files of the jobs. The whole config, workerctl.yaml:');
  quote(demoConfig);
}

async function startAll({ step, runs, holds, processes }: Scene): Promise<void> {
  step('Start three workers');
  await runs('start', 0);
  await holds(oneEachClaim, () => oneEach(processes()));
  await runs('status', 0);
}

/** @returns the instance that works on it */
async function giveLongJob({ step, say, command, holds, spool }: Scene): Promise<string> {
  step(`Give them a long job: ${jobSeconds} seconds`);
  say('A file is put into spool/. One worker takes it; the others have no job.');
  command(`echo ${jobSeconds} > job && mv job spool/report`);
  spool.put('report', jobSeconds);
  await holds(
    'one worker is busy with it',
    () => unless(spool.worksOn('report') !== undefined, 'that nobody has taken it'),
    soonMs,
  );
  const busy = spool.worksOn('report') ?? '';
  say(`It is ${busy}. To kill it now is to lose the report.`);
  return busy;
}

async function replaceKilled(scene: Scene, victim: string): Promise<void> {
  const { step, say, runs, holds, processes } = scene;
  step('A worker is killed');
  await killOne(scene, victim);
  await runs('status', 3);
  say('bootcheck puts back what is missing. cron runs it every minute.');
  await runs('bootcheck', 0);
  await holds(oneEachClaim, () => oneEach(processes()));
  say('When all is well it says nothing, so cron sends no mail.');
  const { output } = await runs('bootcheck', 0);
  await holds('it says nothing', () => unless(output === '', JSON.stringify(output)));
}

async function killOne(
  { command, holds, pidOf, processes }: Scene,
  instance: string,
): Promise<void> {
  const pid = pidOf(instance) ?? 0;
  command(`kill -9 ${pid}`);
  kill(pid);
  await holds(
    `${instance} is gone`,
    () => unless(!processes().has(instance), 'that it runs'),
    soonMs,
  );
}

async function overlap(scene: Scene, victim: string): Promise<void> {
  const { step, say, command, output, holds, workerctl, processes } = scene;
  step('Two bootchecks at the same time');
  say('Another one is killed, and two bootchecks start together.');
  await killOne(scene, victim);
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
  const starters = results.filter((result) => result.output.includes(`${victim}: started`)).length;
  await holds('exactly one of them started it', () => unless(starters === 1, `${starters}`));
  await holds('the other one left with 75, or had nothing to do', () =>
    unless(['0,75', '0,0'].includes(codes.join()), `exit codes ${codes.join(', ')}`),
  );
  await holds(`${victim} never had two processes`, () => unless(most <= 1, `${most}`));
  await holds(oneEachClaim, () => oneEach(processes()));
}

async function stopAll({ step, say, runs, holds, processes, spool }: Scene): Promise<void> {
  const noneLeft = (): string | undefined =>
    unless(processes().size === 0, [...processes().keys()].join(', '));
  step('Stop them all');
  await runs('stop', 0);
  await holds('no worker is left', noneLeft);
  await holds('no job is left over', () =>
    unless(spool.unfinished().length === 0, spool.unfinished().join(', ')),
  );
  say('A stop is remembered: bootcheck leaves them down.');
  await runs('bootcheck', 0);
  await holds('it started none', noneLeft);
}
