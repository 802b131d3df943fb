import { formatSize } from '../core/basics/bytes.ts';
import type { Moment } from '../core/basics/time.ts';
import type { PageInstance, PageWorker } from '../core/views/page-view.ts';
import { percent, since } from './format.ts';

/** What an instance works on, in words; empty if that is nothing, or is not known. */
export function jobWords({ job, jobSince, moreJobs }: PageInstance, now: Moment): string {
  if (job === undefined) return '';
  const length = jobSince === undefined ? '' : ` for ${since(jobSince, now)}`;
  return `${job || 'busy'}${length}${moreJobs === undefined ? '' : ` +${moreJobs}`}`;
}

interface RowProps {
  readonly of: PageInstance;
  readonly now: Moment;
  readonly hasReleases: boolean;
}

function Row({ of, now, hasReleases }: RowProps) {
  const name = of.name.split(' ', 1)[0] ?? '';
  return (
    <tr>
      <th>
        <a href={`/instance/${encodeURIComponent(name)}`}>{of.name}</a>
      </th>
      <td class={of.state}>{of.state}</td>
      <td>
        {jobWords(of, now)}
        {of.note !== undefined && <small>{of.note}</small>}
      </td>
      {hasReleases && <td class={of.isOutdated ? 'r old' : 'r'}>{of.release}</td>}
      <td>{of.since !== undefined && since(of.since, now)}</td>
      <td>{of.memory !== undefined && formatSize(of.memory)}</td>
      <td>{of.cpu !== undefined && percent(of.cpu)}</td>
    </tr>
  );
}

const columns = ['Instance', 'State', 'Job', 'Release', 'Up', 'Memory', 'CPU'];

export function Worker({ of, now }: { readonly of: PageWorker; readonly now: Moment }) {
  const { name, wanted, release, instances } = of;
  const ready = instances.filter(({ state }) => state === 'ready').length;
  // Usually all run the same one, which the heading has.
  const hasReleases = instances.some((one) => one.release !== release);
  const id = `w-${name}`;
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>
        {name}{' '}
        <span>{`${ready} of ${wanted} ready${release === undefined ? '' : ` · ${release}`}`}</span>
      </h2>
      {instances.length > 0 && (
        <table aria-labelledby={id}>
          <thead>
            <tr>
              {columns.map(
                (column) =>
                  (column !== 'Release' || hasReleases) && (
                    <th scope="col" key={column} class={column === 'Release' ? 'r' : undefined}>
                      {column}
                    </th>
                  ),
              )}
            </tr>
          </thead>
          <tbody>
            {instances.map((one) => (
              <Row
                key={`${one.name} ${one.state === 'retiring' ? (one.pid ?? '') : ''}`}
                of={one}
                now={now}
                hasReleases={hasReleases}
              />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
