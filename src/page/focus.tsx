import { formatSize } from '../core/basics/bytes.ts';
import type { Moment } from '../core/basics/time.ts';
import type { PageFocus, PageInstance, PageView } from '../core/views/page-view.ts';
import { Events } from './events.tsx';
import { percent, since } from './format.ts';
import { jobWords } from './instances.tsx';

interface FocusProps {
  readonly view: PageView;
  readonly focus: PageFocus;
  readonly now: Moment;
}

/** One instance: what it does, its log and its events. */
export function Focus({ view, focus, now }: FocusProps) {
  const all = view.workers.flatMap(({ instances }) => instances);
  const found = all.filter(({ name }) => name.split(' ', 1)[0] === focus.instance);
  return (
    <main class="one">
      <p>
        <a href="/">All workers</a>
      </p>
      <h1>{focus.instance}</h1>
      {focus.isUnknown && <p class="none">there is no such instance</p>}
      {found.map((one) => (
        <Facts key={one.name} of={one} now={now} />
      ))}
      {!focus.isUnknown && <Log {...focus} />}
      <Events view={view} now={now} />
    </main>
  );
}

function Facts({ of, now }: { readonly of: PageInstance; readonly now: Moment }) {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Job', jobWords(of, now) || undefined],
    ['Pid', of.pid?.toString()],
    ['Up', of.since && since(of.since, now)],
    ['Release', of.release && `${of.release}${of.isOutdated ? ' (outdated)' : ''}`],
    ['Memory', of.memory === undefined ? undefined : formatSize(of.memory)],
    ['CPU', of.cpu === undefined ? undefined : percent(of.cpu)],
    ['Note', of.note],
  ];
  return (
    <dl>
      <div>
        <dt>State</dt>
        <dd class={`s ${of.state}`}>{of.state}</dd>
      </div>
      {rows.map(
        ([name, value]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

const Log = ({ log, logProblem }: PageFocus) => (
  <section aria-labelledby="log">
    <h2 id="log">Log</h2>
    {logProblem !== undefined && <p class="none">{logProblem}</p>}
    <pre
      id="lines"
      role="log"
      aria-live="off"
      aria-labelledby="log"
      tabIndex={0}
      data-empty={log.length === 0 ? '' : undefined}
    >
      {log.length === 0 ? 'no lines yet' : log.join('\n')}
    </pre>
  </section>
);
