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

export const State = ({ of }: { readonly of: PageInstance }) => (
  <span class={`s ${of.state}`}>{of.state}</span>
);

function Row({ of, now }: { readonly of: PageInstance; readonly now: Moment }) {
  const name = of.name.split(' ', 1)[0] ?? '';
  return (
    <tr>
      <th scope="row">
        <a href={`/instance/${encodeURIComponent(name)}`}>{of.name}</a>
      </th>
      <td>
        <State of={of} />
      </td>
      <td>
        {jobWords(of, now)}
        {of.note !== undefined && <small>{of.note}</small>}
      </td>
      <td class={of.isOutdated ? 'old' : undefined}>{of.release}</td>
      <td>{of.since !== undefined && since(of.since, now)}</td>
      <td>{of.memory !== undefined && formatSize(of.memory)}</td>
      <td>{of.cpu !== undefined && percent(of.cpu)}</td>
    </tr>
  );
}

const columns = ['Instance', 'State', 'Job', 'Release', 'Up', 'Memory', 'CPU'];

export function Worker({ of, now }: { readonly of: PageWorker; readonly now: Moment }) {
  const ready = of.instances.filter(({ state }) => state === 'ready').length;
  const id = `w-${of.name}`;
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>
        {of.name} <span>{`${ready} of ${of.wanted} ready`}</span>
      </h2>
      {of.instances.length > 0 && (
        <table aria-labelledby={id}>
          <thead>
            <tr>
              {columns.map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {of.instances.map((one) => (
              <Row
                key={`${one.name} ${one.state === 'retiring' ? (one.pid ?? '') : ''}`}
                of={one}
                now={now}
              />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
