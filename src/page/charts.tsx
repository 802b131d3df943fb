import type { ComponentChildren } from 'preact';
import { formatDuration, durationOf, type Moment } from '../core/basics/time.ts';
import type { DayView, Level } from '../core/views/day-view.ts';
import { counted } from './format.ts';

const width = 288;
const height = 48;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

interface FigureProps {
  readonly title: string;
  /** What it says, in words: for those who do not see it. */
  readonly words: string;
  /** The words say it all. */
  readonly isEmpty?: boolean;
  readonly children: ComponentChildren;
}

const Figure = ({ title, words, isEmpty = false, children }: FigureProps) => (
  <figure>
    <figcaption>
      <b>{title}</b> <span>{words}</span>
    </figcaption>
    {!isEmpty && children}
  </figure>
);

const Axis = ({ from, to }: { readonly from: string; readonly to: string }) => (
  <p class="axis" aria-hidden="true">
    <span>{from}</span>
    <span>{to}</span>
  </p>
);

const canvas = {
  viewBox: `0 0 ${width} ${height}`,
  preserveAspectRatio: 'none',
  role: 'img',
} as const;

/** How many were ready, over how many were wanted. */
export function ReadyChart({ day, now }: { readonly day: DayView; readonly now: Moment }) {
  const { levels } = day;
  const most = Math.max(1, ...levels.map((one) => Math.max(one.wanted, one.ready)));
  const worst = levels.toSorted((a, b) => a.ready - a.wanted - (b.ready - b.wanted))[0];
  const missing = worst === undefined ? 0 : worst.wanted - worst.ready;
  const x = (at: number): number => Math.max(0, ((at - now + dayMs) / dayMs) * width);
  const y = (count: number): number => Math.round((1 - count / most) * (height - 2) * 10) / 10 + 1;
  const words =
    levels.length === 0
      ? 'known while a watch runs'
      : missing > 0
        ? `at worst ${counted(missing, 'instance')} short`
        : 'never short';
  const runs = runsOf(levels);
  const steps = (run: readonly Level[], of: 'ready' | 'wanted'): string =>
    run
      .map((one, index) => {
        const [from, to] = [x(one.at).toFixed(1), x(Math.min(one.end, now)).toFixed(1)];
        return `${index === 0 ? 'M' : 'L'}${from} ${y(one[of])}H${to}`;
      })
      .join('');
  const area = (run: readonly Level[]): string =>
    `${steps(run, 'ready')}V${height}H${x(run[0]?.at ?? 0).toFixed(1)}Z`;
  return (
    <Figure title="Ready" words={words} isEmpty={levels.length === 0}>
      <svg {...canvas} aria-label={`Ready instances of the last day: ${words}`}>
        <path class="area" d={runs.map(area).join('')} />
        <path class="line" d={runs.map((run) => steps(run, 'ready')).join('')} />
        <path class="goal" d={runs.map((run) => steps(run, 'wanted')).join('')} />
      </svg>
      <Axis from="24 hours ago" to="now" />
    </Figure>
  );
}

/** Levels that follow each other: while no watch ran, nothing is known. */
function runsOf(levels: DayView['levels']): Level[][] {
  const runs: Level[][] = [];
  for (const level of levels) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run === undefined || last === undefined || last.end < level.at) runs.push([level]);
    else run.push(level);
  }
  return runs;
}

/** How many processes were replaced, by the hour. */
export function RestartChart({ restarts }: DayView) {
  const most = Math.max(1, ...restarts.map(({ all }) => all));
  const sum = (of: 'all' | 'unexpected'): number => restarts.reduce((all, one) => all + one[of], 0);
  const words =
    sum('all') === 0
      ? 'none'
      : `${sum('all')}${sum('unexpected') > 0 ? `, ${sum('unexpected')} unexpected` : ''}`;
  const step = width / restarts.length;
  const bar = (index: number, count: number): string => {
    const tall = (count / most) * (height - 2);
    const left = index * step + 1.5;
    return `M${left.toFixed(1)} ${height}v-${tall.toFixed(1)}h${(step - 3).toFixed(1)}v${tall.toFixed(1)}z`;
  };
  const bars = (of: 'all' | 'unexpected'): string =>
    restarts.map((one, index) => (one[of] === 0 ? '' : bar(index, one[of]))).join('');
  return (
    <Figure title="Restarts" words={words} isEmpty={sum('all') === 0}>
      <svg {...canvas} aria-label={`Restarts of the last day: ${words}`}>
        <path class="base" d={`M0 ${height - 0.5}h${width}`} />
        <path class="bar" d={bars('all')} />
        <path class="bad" d={bars('unexpected')} />
      </svg>
      <Axis from="24 hours ago" to="now" />
    </Figure>
  );
}

/** How long the latest drains took, by worker. */
export function DrainChart({ drains }: DayView) {
  if (drains.length === 0) return null;
  return (
    <Figure title="Drain times" words="the latest 20">
      {drains.map(({ worker, seconds }) => {
        const sorted = seconds.toSorted((a, b) => a - b);
        const usual = sorted[Math.floor(sorted.length / 2)] ?? 0;
        const longest = sorted.at(-1) ?? 0;
        const inWords = (length: number): string => formatDuration(durationOf(length * 1_000));
        const tall = (length: number): number => 2 + (length / Math.max(longest, 0.1)) * 18;
        const bars = seconds
          .map(
            (length, index) =>
              `M${(20 - seconds.length + index) * 6} 22v-${tall(length).toFixed(1)}h4v${tall(length).toFixed(1)}z`,
          )
          .join('');
        return (
          <p class="drain" key={worker}>
            <span>{worker}</span>
            <svg
              viewBox="0 0 120 22"
              role="img"
              aria-label={`of ${counted(seconds.length, 'drain')}`}
            >
              <path class="bar" d={bars} />
            </svg>
            <span>
              usually {inWords(usual)}, at most {inWords(longest)}
            </span>
          </p>
        );
      })}
    </Figure>
  );
}
