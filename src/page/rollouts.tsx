import type { PageRollout } from '../core/views/page-view.ts';

const parts = ['replaced', 'under_way', 'failed', 'waiting'] as const;

/** A restart that is not over: how far it is, and what it waits for. */
export function Rollout({ of }: { readonly of: PageRollout }) {
  const { counts } = of;
  const all = Math.max(
    1,
    parts.reduce((sum, part) => sum + counts[part], 0),
  );
  let from = 0;
  const bars = parts.map((part) => {
    const [x, width] = [from, (counts[part] / all) * 100];
    from += width;
    return <rect key={part} class={part} x={x} width={width} height="6" />;
  });
  const open = of.members.filter(({ state }) => state !== 'replaced' && state !== 'waiting');
  return (
    <section class={`rollout ${of.state}`} aria-label="Restart">
      <p>{of.words}</p>
      <svg
        viewBox="0 0 100 6"
        preserveAspectRatio="none"
        role="progressbar"
        aria-label="Replaced instances"
        aria-valuemin={0}
        aria-valuemax={all}
        aria-valuenow={counts.replaced}
      >
        {bars}
      </svg>
      {open.length > 0 && (
        <ul>
          {open.slice(0, 10).map(({ instance, state, detail }) => (
            <li key={instance}>
              <b>{instance}</b> {state} <small>{detail}</small>
            </li>
          ))}
          {open.length > 10 && <li>and {open.length - 10} more</li>}
        </ul>
      )}
    </section>
  );
}
