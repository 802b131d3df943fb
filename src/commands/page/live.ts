import type { PageView } from '../../core/views/page-view.ts';
import { statusCode } from '../../core/views/status.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import type { EventStream } from '../../host/sockets/event-stream.ts';
import { followOneLog } from './follow-log.ts';
import { statusAt, type PageHost } from './place.ts';
import { createView, type MakeView } from './view.ts';

/** What the clients of a page are shown, and how it changes. */
export interface Live {
  readonly view: MakeView;
  /** Whether every wanted instance is ready, as it was at most a second ago. */
  readonly isReady: () => Promise<boolean>;
  /** Sends a client what changes from now on; `instance`: with the log of this one. */
  readonly join: (stream: EventStream, instance: string | null) => void;
  readonly close: () => void;
}

/** The longest time between two looks while anybody looks on: jobs change without a file of ours. */
const lookMs = 1_000;

/** The least between two looks. */
const gapMs = 50;

/** Looks may take one part in this many of a core, in the long run. */
const restPerLook = 5;

/** So much rest may be put off: the few changes that an event makes are shown at once, however many instances there are. */
const restPutOffMs = 1_000;

/** How long an answer to a probe holds. */
const freshMs = 1_000;

export function createLive(host: PageHost): Live {
  const view = createView(host);
  const ended = new AbortController();
  const clients = new Map<EventStream, { readonly instance: string | undefined; sent: Parts }>();
  let isLooking = false;
  let restedAtMs = 0;

  const send = async (): Promise<void> => {
    const views = new Map<string | undefined, Parts>();
    for (const [stream, client] of clients) {
      const { instance } = client;
      const parts = views.get(instance) ?? partsOf(await view(instance));
      views.set(instance, parts);
      sendChanges(stream, client.sent, parts);
      client.sent = parts;
    }
  };
  const look = async (): Promise<void> => {
    const { config } = await host.place();
    const files = watchDirectory(config.stateDir, mayShow);
    try {
      while (clients.size > 0 && !ended.signal.aborted) {
        const begun = monotonicMs();
        await send();
        const took = monotonicMs() - begun;
        restedAtMs = Math.max(restedAtMs, begun) + took * (1 + restPerLook);
        const rest = restedAtMs - monotonicMs() - restPutOffMs;
        await sleep(Math.max(gapMs, rest), ended.signal);
        await files.changes(lookMs, ended.signal);
      }
    } finally {
      files.close();
    }
  };
  /** One loop for all clients; what cannot be looked at now is tried again. */
  const keepLooking = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    while (clients.size > 0 && !ended.signal.aborted) {
      await look().catch(() => undefined);
      if (clients.size > 0) await sleep(lookMs, ended.signal);
    }
    isLooking = false;
  };
  return {
    view,
    isReady: remembered(async () => statusCode(await statusAt(await host.place())) === 'done'),
    join: (stream, name) => {
      const instance = name ?? undefined;
      clients.set(stream, { instance, sent: {} });
      stream.onClose(() => clients.delete(stream));
      void keepLooking();
      if (instance !== undefined)
        void followOneLog(host, instance, stream, ended.signal).catch(() => undefined);
    },
    close: () => {
      ended.abort();
    },
  };
}

/** All but what is written beside a file before it takes its place. */
const mayShow = (name: string): boolean => !name.startsWith('.') && !name.endsWith('.new');

/** The members of a view, as JSON. */
type Parts = Readonly<Record<string, string>>;

/** The log comes in messages of its own. */
const partsOf = (view: PageView): Parts =>
  Object.fromEntries(
    Object.entries(view).flatMap(([name, part]) =>
      name === 'focus' ? [] : [[name, JSON.stringify(part)]],
    ),
  );

/** The time alone is no change. */
function sendChanges(stream: EventStream, before: Parts, after: Parts): void {
  const changed = Object.entries(after).filter(([name, part]) => before[name] !== part);
  if (changed.every(([name]) => name === 'at')) return;
  stream.send(
    'view',
    `{${changed.map(([name, part]) => `${JSON.stringify(name)}:${part}`).join(',')}}`,
  );
}

/** The same answer for all who ask within a second: anybody may. What cannot be looked at is not so. */
function remembered(ask: () => Promise<boolean>): () => Promise<boolean> {
  let known: { readonly answer: Promise<boolean>; readonly atMs: number } | undefined;
  return () => {
    if (known === undefined || monotonicMs() - known.atMs > freshMs)
      known = { answer: ask().catch(() => false), atMs: monotonicMs() };
    return known.answer;
  };
}
