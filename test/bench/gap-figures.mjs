// The gap between a worker's exit and the exec of its replacement, while `restart` waits. The last act of the old
// worker and the first act of the new one are each noted as a line in a file, by bash's own clock, so that no other
// program is started for it. The time that bash takes from its exec to its first act is measured too, and subtracted;
// the time that it takes to exit is not.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bash, bashStartMs } from './bash-clock.mjs';
import { createFleet } from './rig.mjs';
import { median, quantile } from './statistics.mjs';

const count = 40;

/** On TERM each waits for its turn, so that they exit one after the other, as workers with jobs do. */
const program = (pauseMs) => `echo "begin $WORKERCTL_INSTANCE $EPOCHREALTIME" >>acts
trap : TERM
sleep 1000000 &
wait
kill $!
turn=$(( 300 + WORKERCTL_ID * ${pauseMs} ))
printf -v pause '%d.%03d' $((turn / 1000)) $((turn % 1000))
sleep "$pause"
echo "end $WORKERCTL_INSTANCE $EPOCHREALTIME" >>acts
`;

/** Gaps of workers that exit one after the other, and of workers that exit all at once. */
export async function gapFigures({ rounds }) {
  if (!existsSync(bash))
    throw new Error(`${bash} is needed to tell the time without another program`);
  const single = [];
  const burst = [];
  for (let round = 0; round < rounds; round += 1) single.push(...gapsOf(60));
  burst.push(...gapsOf(0));
  const own = bashStartMs();
  const spread = (gaps) =>
    `p90 ${quantile(gaps, 0.9).toFixed(1)}, most ${Math.max(...gaps).toFixed(1)} ms, ${gaps.length} gaps`;
  return [
    {
      name: 'gap from exit to exec of the replacement (one by one)',
      figure: median(single) - own,
      unit: 'ms',
      limit: 20,
      note: `${median(single).toFixed(1)} ms from the last act to the first: ${spread(single)}; bash's own ${own.toFixed(1)} ms are subtracted`,
    },
    {
      name: `gap from exit to exec (${count} exit at the same time)`,
      figure: median(burst) - own,
      unit: 'ms',
      note: spread(burst),
    },
  ];
}

function gapsOf(pauseMs) {
  const fleet = createFleet({ timed: { command: [bash, '--norc', 'timed.sh'], count } });
  writeFileSync(join(fleet.folder, 'timed.sh'), program(pauseMs));
  fleet.run('start');
  fleet.run('restart', '--graceful');
  const gaps = gapsIn(readFileSync(join(fleet.folder, 'acts'), 'utf8'));
  fleet.remove();
  if (gaps.length !== count) throw new Error(`expected ${count} gaps, found ${gaps.length}`);
  return gaps;
}

/** From each `end` of an instance to the `begin` after it. */
function gapsIn(acts) {
  const ends = new Map();
  const gaps = [];
  for (const line of acts.trim().split('\n')) {
    const [act, instance, time] = line.split(' ');
    if (act === 'end') ends.set(instance, Number(time));
    else if (ends.has(instance)) gaps.push((Number(time) - ends.get(instance)) * 1000);
  }
  return gaps;
}
