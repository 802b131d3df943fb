import { doneOnce, names, oneEach, oneEachClaim, soonMs } from './facts.ts';
import { unless, type Scene } from './scene.ts';
import type { CommandResult } from './stage.ts';

/** Who works on the job `report`, and how long that takes. */
interface Work {
  readonly busy: string;
  readonly jobMs: number;
}

interface Replaced {
  /** The pid from before the deploy. */
  readonly oldPid: (name: string) => number | undefined;
  readonly isReplaced: (name: string) => boolean;
}

/** The chapter for which workerctl is made: new code comes while a worker is busy. */
export async function deployAndRestart(scene: Scene, work: Work): Promise<void> {
  const { step, say, command, deploy, workerctl } = scene;
  const replaced = watchReplaced(scene);
  step('Deploy new code, and restart');
  say('One without a job is asked to leave first. Its replacement must prove the new');
  say('code, by running for a second. Only then the others are asked, each to finish');
  say('its job and to leave. Nobody is killed.');
  command('echo 2 > VERSION');
  deploy(2);
  command('workerctl restart --graceful &');
  const restart = workerctl('restart', '--graceful');
  say('The command waits. Meanwhile we look on from a second terminal.');
  await seeReplaced(scene, work, replaced);
  await seeRefused(scene, work, replaced);
  await seeFinished(scene, work, replaced);
  await seeEnd(scene, work, await restart);
}

function watchReplaced({ pidOf }: Scene): Replaced {
  const before = new Map(names.map((name) => [name, pidOf(name)]));
  return {
    oldPid: (name) => before.get(name),
    isReplaced: (name) => pidOf(name) !== undefined && pidOf(name) !== before.get(name),
  };
}

async function seeReplaced(scene: Scene, { busy }: Work, { isReplaced }: Replaced): Promise<void> {
  const { say, holds, runs } = scene;
  const idle = names.filter((name) => name !== busy);
  const notYet = (): string[] => idle.filter((name) => !isReplaced(name));
  await holds(
    `the two without a job, ${idle.join(' and ')}, are replaced`,
    () => unless(notYet().length === 0, `not yet: ${notYet().join(', ')}`),
    soonMs,
  );
  await holds(`${busy} is still at its job`, () => unless(isAtWork(scene, busy), 'that it is not'));
  await runs('status', 3);
  say('Exit code 3: fewer are ready than the config wants.');
}

const isAtWork = ({ pidOf, spool }: Scene, busy: string): boolean =>
  pidOf(busy) !== undefined && spool.worksOn('report') === busy;

async function seeRefused(
  { say, runs, holds, pidOf }: Scene,
  { busy }: Work,
  { oldPid }: Replaced,
): Promise<void> {
  say('');
  say('A second process beside the old one could do the same job again.');
  say(`So ${busy} cannot be started now:`);
  await runs(`start ${busy}`, 1);
  await holds(`${busy} is its old process, and no other`, () =>
    unless(pidOf(busy) === oldPid(busy), `pid ${pidOf(busy) ?? 'none'}`),
  );
}

async function seeFinished(
  { say, quote, holds, spool }: Scene,
  { busy, jobMs }: Work,
  { isReplaced }: Replaced,
): Promise<void> {
  say('Now we wait for the job.');
  const lines = (): readonly string[] => spool.doneLines('report');
  await holds('the job is done, exactly once', () => doneOnce(lines()), jobMs + soonMs);
  quote(lines().join('\n'));
  await holds(
    `${busy} has left by itself and is replaced`,
    () => unless(isReplaced(busy), 'that it is not'),
    soonMs,
  );
}

async function seeEnd(
  { say, quote, command, output, holds, processes, spool }: Scene,
  { busy }: Work,
  restart: CommandResult,
): Promise<void> {
  say('All are replaced and ready, so the restart ends. What it has told meanwhile:');
  output(restart.output, restart.exitCode);
  await holds('it ends with 0', () => unless(restart.exitCode === 0, String(restart.exitCode)));
  await holds('one without a job has proven the new code before any other was asked', () =>
    provenFirst(restart.output, busy),
  );
  await holds(oneEachClaim, () => oneEach(processes()));
  command('echo 0.2 > job && mv job spool/letter');
  spool.put('letter', 0.2);
  await holds('the new code does the next job', () => doneByNewCode(spool), soonMs);
  quote(spool.doneLines('letter').join('\n'));
}

function provenFirst(output: string, busy: string): string | undefined {
  const [before, after] = output.split(' has proven the new code');
  if (before === undefined || after === undefined) return 'that none has proven it';
  const asked = [...before.matchAll(/(\S+): asked pid/g)].map(([, name = '']) => name);
  return unless(asked.length === 1 && !asked.includes(busy), asked.join(', '));
}

function doneByNewCode(spool: Scene['spool']): string | undefined {
  const lines = spool.doneLines('letter');
  const [line = ''] = lines;
  return (
    doneOnce(lines) ??
    unless(line.endsWith('code version 2'), line) ??
    unless(spool.unfinished().length === 0, 'it still in working/')
  );
}
