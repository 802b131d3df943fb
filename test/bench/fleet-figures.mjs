// A hundred workers: started, replaced, and replaced while ten of them are busy. The moment at which a worker "is
// there" is the one at which /proc shows its own environment: after exec, not before.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCensus, createFleet, untilFound } from './rig.mjs';
import { median } from './statistics.mjs';

const limitMs = 30_000;
const sleeper = (count) => ({ command: ['/bin/sleep', '1000000'], count });

/** 100 idle workers: cold start, and restart. */
export async function idleFigures({ rounds }) {
  const starts = [];
  const restarts = [];
  const startEnds = [];
  const restartEnds = [];
  for (let round = 0; round < rounds; round += 1) {
    const fleet = createFleet({ idle: sleeper(100) });
    const census = createCensus(fleet.stateDir);
    const started = await timed(fleet, census, 100, 'start', '--no-wait');
    starts.push(started.back);
    startEnds.push(started.end);
    const restarted = await timed(fleet, census, 200, 'restart', '--graceful');
    restarts.push(restarted.back);
    restartEnds.push(restarted.end);
    fleet.remove();
  }
  const note = (ends, what) => `median of ${rounds}; the command ${what} after ${ms(median(ends))}`;
  return [
    seconds(
      '100 idle workers started cold: all run',
      starts,
      1,
      note(startEnds, '(--no-wait) ends'),
    ),
    seconds(
      '100 idle workers started cold: start --no-wait ends',
      startEnds,
      1,
      `median of ${rounds}`,
    ),
    seconds(
      '100 idle workers restarted: all replaced',
      restarts,
      1.5,
      note(restartEnds, 'waits until all are ready (1 s) and ends'),
    ),
  ];
}

/** Runs a command; when so many workers have been seen in all, and when it ended, both since before its start. */
async function timed(fleet, census, count, ...words) {
  census.look();
  const begun = performance.now();
  const ended = fleet.spawn(...words);
  const at = await untilFound(census, (found) => found.size >= count, limitMs);
  const { code, at: endedAt } = await ended;
  if (code !== 0) throw new Error(`workerctl ${words.join(' ')}: exit code ${code}`);
  return { back: at - begun, end: endedAt - begun };
}

const busyCount = 10;
const busySeconds = 5;

/** On TERM it goes on with its job for so long, notes that it is done, and leaves. */
const busyProgram = `trap : TERM
sleep 1000000 &
wait
kill $!
sleep ${busySeconds}
echo "$WORKERCTL_INSTANCE" >>finished
`;

/** 100 workers, 10 of them busy for 5 s. */
export async function busyFigures({ rounds }) {
  const idleBack = [];
  const allBack = [];
  let killed = 0;
  for (let round = 0; round < rounds; round += 1) {
    const fleet = createFleet({
      idle: sleeper(100 - busyCount),
      busy: { command: ['/bin/sh', 'busy.sh'], count: busyCount },
    });
    writeFileSync(join(fleet.folder, 'busy.sh'), busyProgram);
    fleet.run('start');
    const census = createCensus(fleet.stateDir);
    const old = new Set(census.look().keys());
    const replaced = (found, worker) =>
      [...found].filter(([pid, name]) => !old.has(pid) && name.startsWith(worker)).length;
    const begun = performance.now();
    const ended = fleet.spawn('restart', '--graceful');
    const idle = await untilFound(census, (found) => replaced(found, 'idle.') >= 90, limitMs);
    const busy = await untilFound(
      census,
      (found) => replaced(found, 'busy.') >= busyCount,
      limitMs,
    );
    idleBack.push(idle - begun);
    allBack.push(busy - begun);
    await ended;
    killed += busyCount - finishedOf(fleet);
    fleet.remove();
  }
  return [
    seconds('10 of 100 busy for 5 s: the other 90 replaced', idleBack, 1.5, `median of ${rounds}`),
    seconds('10 of 100 busy for 5 s: all replaced', allBack, 6, `median of ${rounds}`),
    {
      name: '10 of 100 busy for 5 s: jobs lost',
      figure: killed,
      unit: '',
      limit: 0,
      note: `of ${busyCount * rounds}; each noted its end by itself`,
    },
  ];
}

function finishedOf({ folder }) {
  if (!readdirSync(folder).includes('finished')) return 0;
  return new Set(readFileSync(join(folder, 'finished'), 'utf8').trim().split('\n')).size;
}

const ms = (value) => `${value.toFixed(0)} ms`;
const seconds = (name, values, limit, note) => ({
  name,
  figure: median(values) / 1000,
  unit: 's',
  limit,
  note: `${note}; ${(Math.min(...values) / 1000).toFixed(2)}–${(Math.max(...values) / 1000).toFixed(2)} s`,
});
