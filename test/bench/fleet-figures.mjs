// A hundred workers: started, replaced, and replaced while ten of them are busy. The moment at which a worker "is
// there" is the one at which /proc shows its own environment: after exec, not before.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCensus, createFleet, untilFound } from './rig.mjs';
import { median } from './statistics.mjs';

const limitMs = 30_000;
const sleeper = (count) => ({ command: ['/bin/sleep', '1000000'], count });

/** What proving the new code may cost: the default of `ready.after`, once. */
const readinessMs = 1_000;

/** 100 idle workers: cold start, and restart, all at once and with a canary. */
export async function idleFigures({ rounds }) {
  const starts = [];
  const startEnds = [];
  const restarts = { atOnce: [], canary: [] };
  const restartEnds = { atOnce: [], canary: [] };
  const restart = async (how, fleet, ...words) => {
    const census = createCensus(fleet.stateDir);
    const { back, end } = await timed(fleet, census, 200, 'restart', '--graceful', ...words);
    restarts[how].push(back);
    restartEnds[how].push(end);
  };
  for (let round = 0; round < rounds; round += 1) {
    const fleet = createFleet({ idle: sleeper(100) });
    const census = createCensus(fleet.stateDir);
    const started = await timed(fleet, census, 100, 'start', '--no-wait');
    starts.push(started.back);
    startEnds.push(started.end);
    await restart('atOnce', fleet, '--no-canary');
    await restart('canary', fleet);
    fleet.remove();
  }
  const note = (ends, what) => `median of ${rounds}; the command ${what} after ${ms(median(ends))}`;
  const ends = 'waits until all are ready (1 s) and ends';
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
      '100 idle workers restarted (--no-canary): all replaced',
      restarts.atOnce,
      1.5,
      note(restartEnds.atOnce, ends),
    ),
    aboveReadiness(
      '100 idle workers restarted with a canary: all replaced, above its readiness time',
      restarts.canary,
      1.5,
      note(restartEnds.canary, ends),
    ),
  ];
}

/**
 * Runs a command. Returns when this many workers had been seen in all, and when it ended, both counted from before its
 * start.
 */
async function timed(fleet, census, count, ...words) {
  census.look();
  const startedAt = performance.now();
  const ended = fleet.spawn(...words);
  const at = await untilFound(census, (found) => found.size >= count, limitMs, ended);
  return { back: at - startedAt, end: (await ended) - startedAt };
}

const busyCount = 10;
const busySeconds = 5;

/**
 * The first ten say that they are busy. On TERM they continue their job for this long, note that it is done, and exit;
 * their replacements are idle.
 */
const mixedProgram = `[ "$WORKERCTL_ID" -le ${busyCount} ] || exec sleep 1000000
[ ! -e "began.$WORKERCTL_ID" ] || exec sleep 1000000
: >"began.$WORKERCTL_ID"
trap : TERM
echo 'busy job' >"$WORKERCTL_HEARTBEAT_FILE"
sleep 1000000 &
wait
kill $!
sleep ${busySeconds}
echo "$WORKERCTL_INSTANCE" >>finished
`;

/** 100 workers, 10 of them busy for 5 s, restarted all at once and with a canary. */
export async function busyFigures({ rounds }) {
  const atOnce = await busyRestarts(rounds, '--no-canary');
  const canary = await busyRestarts(rounds);
  const note = `median of ${rounds}`;
  const name = `${busyCount} of 100 busy for ${busySeconds} s`;
  return [
    seconds(`${name} (--no-canary): the other 90 replaced`, atOnce.idleBack, 1.5, note),
    seconds(`${name} (--no-canary): all replaced`, atOnce.allBack, 6, note),
    aboveReadiness(
      `${name}, with a canary: the other 90 replaced, above its readiness time`,
      canary.idleBack,
      1.5,
      note,
    ),
    aboveReadiness(
      `${name}, with a canary: all replaced, above its readiness time`,
      canary.allBack,
      6,
      note,
    ),
    {
      name: `${name}: jobs lost`,
      figure: atOnce.lost + canary.lost,
      unit: '',
      limit: 0,
      note: `of ${busyCount * rounds * 2}; each noted its end by itself`,
    },
  ];
}

async function busyRestarts(rounds, ...words) {
  const idleBack = [];
  const allBack = [];
  let lost = 0;
  for (let round = 0; round < rounds; round += 1) {
    const fleet = createFleet({ mixed: { command: ['/bin/sh', 'mixed.sh'], count: 100 } });
    writeFileSync(join(fleet.folder, 'mixed.sh'), mixedProgram);
    fleet.run('start');
    const census = createCensus(fleet.stateDir);
    const old = new Set(census.look().keys());
    const replaced = (found, isBusy) =>
      [...found].filter(([one, name]) => !old.has(one) && isBusyName(name) === isBusy).length;
    const startedAt = performance.now();
    const ended = fleet.spawn('restart', '--graceful', ...words);
    const idle = (found) => replaced(found, false) >= 100 - busyCount;
    idleBack.push((await untilFound(census, idle, limitMs, ended)) - startedAt);
    const busy = (found) => replaced(found, true) >= busyCount;
    allBack.push((await untilFound(census, busy, limitMs, ended)) - startedAt);
    await ended;
    lost += busyCount - finishedOf(fleet);
    fleet.remove();
  }
  return { idleBack, allBack, lost };
}

const isBusyName = (name) => Number(name.split('.')[1]) <= busyCount;

function finishedOf({ folder }) {
  if (!readdirSync(folder).includes('finished')) return 0;
  return new Set(readFileSync(join(folder, 'finished'), 'utf8').trim().split('\n')).size;
}

const ms = (value) => `${value.toFixed(0)} ms`;
/** The same, without the time in which the canary's replacement has to prove itself. */
const aboveReadiness = (name, values, limit, note) =>
  seconds(
    name,
    values.map((value) => value - readinessMs),
    limit,
    `${note}; ${ms(median(values))} with it`,
  );
const seconds = (name, values, limit, note) => ({
  name,
  figure: median(values) / 1000,
  unit: 's',
  limit,
  note: `${note}; ${(Math.min(...values) / 1000).toFixed(2)}–${(Math.max(...values) / 1000).toFixed(2)} s`,
});
