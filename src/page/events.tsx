import type { Moment } from '../core/basics/time.ts';
import type { PageEvent, PageView } from '../core/views/page-view.ts';
import { momentIn } from './format.ts';

/** What has happened, the latest first. */
export function Events({ view, now }: { readonly view: PageView; readonly now: Moment }) {
  const { events, offset } = view;
  return (
    <section aria-labelledby="events">
      <h2 id="events">Events</h2>
      {events.length === 0 ? (
        <p class="none">none yet</p>
      ) : (
        <ol class="events">
          {events.map((event) => (
            <li key={keyOf(event)} class={event.level}>
              <time dateTime={new Date(event.at).toISOString()}>
                {momentIn(event.at, now, offset)}
              </time>{' '}
              <b>{event.instance}</b> <span>{event.text}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

const keyOf = ({ at, instance, kind, text }: PageEvent): string =>
  `${at} ${instance} ${kind} ${text}`;
