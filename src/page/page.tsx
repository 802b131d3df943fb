import type { Moment } from '../core/basics/time.ts';
import type { PageInstance, PageView } from '../core/views/page-view.ts';
import { DrainChart, ReadyChart, RestartChart } from './charts.tsx';
import { Events } from './events.tsx';
import { clockOf } from './format.ts';
import { Focus } from './focus.tsx';
import { Worker } from './instances.tsx';
import { Rollout } from './rollouts.tsx';

/** What only a page with its script has. */
export interface Browser {
  /** Whether what is shown follows what happens. */
  readonly isLive: boolean;
  /** What is searched for. */
  readonly filter: string;
  readonly onFilter: (text: string) => void;
}

export interface PageProps {
  readonly view: PageView;
  readonly now: Moment;
  readonly browser?: Browser;
}

/** A long list gets a search. */
const fewInstances = 12;

/** All that changes: the server renders it once, the browser again and again. */
export function Page({ view, now, browser }: PageProps) {
  const { focus, totals, problems } = view;
  const Title = focus === undefined ? 'h1' : 'p';
  return (
    <>
      <header>
        <Title class="who">
          <a href="/">workerctl</a> <span title={view.config}>{view.host}</span>
        </Title>
        <p class={totals.isShort ? 'sum short' : 'sum'}>
          {/* A screen reader says what changes in it: jobs come and go too often for that. */}
          <span role="status">{`${totals.ready} of ${totals.wanted} ready`}</span>
          {totals.quiet > 0 && `, ${totals.quiet} quiet`}
          {totals.done > 0 && `, ${totals.done} done`}
          {totals.busy > 0 && `, ${totals.busy} busy`}
        </p>
        <p
          class={browser === undefined ? 'live' : browser.isLive ? 'live on' : 'live lost'}
          role="status"
        >
          {browser === undefined
            ? `as of ${clockOf(view.at, view.offset)}`
            : browser.isLive
              ? 'live'
              : 'not connected'}
        </p>
      </header>
      {problems.map((problem) => (
        <p class="problem" role="alert" key={problem}>
          {problem}
        </p>
      ))}
      {focus === undefined ? (
        <Overview view={view} now={now} {...(browser && { browser })} />
      ) : (
        <Focus view={view} now={now} focus={focus} />
      )}
    </>
  );
}

function Overview({ view, now, browser }: PageProps) {
  const { workers, rollouts, day } = view;
  const count = workers.reduce((sum, { instances }) => sum + instances.length, 0);
  const wanted = browser?.filter.trim().toLowerCase() ?? '';
  const shown = workers
    .map((worker) => ({
      ...worker,
      instances: worker.instances.filter((one) => matches(one, wanted)),
    }))
    .filter(({ instances }) => wanted === '' || instances.length > 0);
  return (
    <main>
      <div class="workers">
        {rollouts.map((one) => (
          <Rollout key={one.id} of={one} />
        ))}
        {browser !== undefined && count > fewInstances && (
          <input
            type="search"
            id="filter"
            placeholder="Filter by name, state, job or release  ( / )"
            aria-label="Filter instances"
            value={browser.filter}
            onInput={({ currentTarget }) => {
              browser.onFilter(currentTarget.value);
            }}
          />
        )}
        {shown.map((worker) => (
          <Worker key={worker.name} of={worker} now={now} />
        ))}
        {shown.length === 0 && <p class="none">no instance matches</p>}
      </div>
      <aside>
        <section class="charts" aria-label="The last day">
          <ReadyChart day={day} now={now} />
          <RestartChart {...day} />
          <DrainChart {...day} />
        </section>
        <Events view={view} now={now} />
      </aside>
    </main>
  );
}

const matches = ({ name, state, job = '', release = '' }: PageInstance, wanted: string): boolean =>
  wanted === '' || `${name} ${state} ${job} ${release}`.toLowerCase().includes(wanted);
