import { WorkerctlError } from '../basics/error.ts';
import type { Duration } from '../basics/time.ts';
import { jobLines, type JobCounts } from '../views/job-counts.ts';

/** The most children of one worker that `!want` asks for. */
export const maxDesired = 500;

/** What a line of a client asks for. */
export type Request =
  | { readonly kind: PlainCommand }
  | { readonly kind: 'want'; readonly worker: string; readonly count: number }
  | { readonly kind: 'desired'; readonly worker: string }
  | { readonly kind: 'to'; readonly target: string; readonly text: string }
  | { readonly kind: 'misused'; readonly usage: string }
  | { readonly kind: 'unknown'; readonly text: string }
  /** From a browser, sent by a web page. */
  | { readonly kind: 'http' }
  | { readonly kind: 'nothing' };

const plainCommands = [
  'jobs',
  'stats',
  'watch',
  'recent',
  'version',
  'shutdown',
  'help',
  'queue',
] as const;
type PlainCommand = (typeof plainCommands)[number];

/** The result of `!want`: `count` is desired from now on. */
export type WantAnswer =
  | { readonly kind: 'desired'; readonly count: number }
  | { readonly kind: 'refused'; readonly problem: string };

/** What answers the requests. The client gets the message of a WorkerctlError that it throws. */
export interface AdminBackend {
  readonly version: string;
  /** The names of the workers in the config. */
  readonly workers: () => readonly string[];
  /** Those of the config, and others of which a process still runs. */
  readonly jobs: () => readonly JobCounts[];
  readonly want: (worker: string, count: number) => Promise<WantAnswer>;
  readonly stats: () => {
    readonly uptime: Duration;
    readonly counters: Readonly<Record<string, number>>;
  };
  /** The latest events in words, oldest first. */
  readonly recent: () => readonly string[];
  /** Passes a text to the workers of a target; returns what was done with it, in words. */
  readonly to: (target: string, text: string) => Promise<string>;
  /** Ends `watch`; returns what that means for the workers, in words. */
  readonly shutdown: () => string;
  /** Calls `listener` with each event in words, until the returned function is called. */
  readonly subscribe: (listener: (line: string) => void) => () => void;
}

/** The client that has sent a line. None of these functions throws, even after the client has disconnected. */
export interface LineClient {
  /** Sends a line that is not part of a reply, and never in the middle of one. */
  readonly send: (line: string) => void;
  /** Calls `listener` when the client disconnects, at once if it already has. The same listener is called once. */
  readonly onClose: (listener: () => void) => void;
  /** Closes the connection after the reply to the present request. */
  readonly end: () => void;
}

/** Returns the lines of the whole reply. */
export type LineHandler = (line: string, client: LineClient) => Promise<readonly string[]>;

/** Answers the lines of any number of clients. */
export function adminHandler(backend: AdminBackend): LineHandler {
  const watchers = watchersOf(backend);
  return async (line, client) => {
    const request = parseRequest(line);
    if (request.kind === 'http') client.end();
    return answer(request, backend, () => watchers.toggle(client));
  };
}

/** What a line asks for. Source: MogileFS, lib/MogileFS/Connection/Client.pm */
export function parseRequest(line: string): Request {
  const text = line.trim();
  if (text === '') return { kind: 'nothing' };
  if (/^[A-Z]+ \S+ HTTP\/\d/.test(text)) return { kind: 'http' };
  const [, command = '', words = ''] = /^!(\S+)(?:\s+([^]*))?$/.exec(text) ?? [];
  if (command === 'want') return parseWant(words);
  if (command === 'to') return parseTo(words);
  const kind = plainCommands.find((name) => name === command);
  return kind === undefined ? { kind: 'unknown', text } : { kind };
}

function parseWant(words: string): Request {
  const [, count, worker = ''] = /^(\d+)\s+(\S+)$/.exec(words) ?? [];
  if (count !== undefined) return { kind: 'want', worker, count: Number(count) };
  // A number alone means that the worker was forgotten.
  if (/^\S+$/.test(words) && !/^-?\d+$/.test(words)) return { kind: 'desired', worker: words };
  return { kind: 'misused', usage: '!want <count> <jobclass>' };
}

function parseTo(words: string): Request {
  const [, target, text = ''] = /^(\S+)\s+([^]+)$/.exec(words) ?? [];
  if (target === undefined) return { kind: 'misused', usage: '!to <jobclass> <message>' };
  return { kind: 'to', target, text };
}

/**
 * The lines of a whole reply; none for an empty line. `toggleWatch` says whether the client watches from now on.
 * @throws any error of the backend but a WorkerctlError: it is a bug
 */
export async function answer(
  request: Request,
  backend: AdminBackend,
  toggleWatch: () => boolean,
): Promise<readonly string[]> {
  if (request.kind === 'nothing') return [];
  try {
    return formatReply(await wordsFor(request, backend, toggleWatch));
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    const hint = error.hint === undefined ? [] : [error.hint];
    return formatReply([`ERROR: ${error.message}`, ...hint]);
  }
}

async function wordsFor(
  request: Exclude<Request, { readonly kind: 'nothing' }>,
  backend: AdminBackend,
  toggleWatch: () => boolean,
): Promise<readonly string[]> {
  switch (request.kind) {
    case 'jobs':
      return jobLines(sortedJobs(backend.jobs()));
    case 'want':
      return want(request.worker, request.count, backend);
    case 'desired':
      return desired(request.worker, backend);
    case 'stats':
      return statLines(backend.stats());
    case 'watch':
      return [toggleWatch() ? 'Added you to watcher list.' : 'Removed you from watcher list.'];
    case 'recent':
      return backend.recent();
    case 'version':
      return [backend.version];
    case 'shutdown':
      return [backend.shutdown()];
    case 'help':
      return help;
    case 'to':
      return [await backend.to(request.target, request.text)];
    case 'queue':
      return ['workerctl sees no queue: only your workers know the waiting jobs.'];
    case 'misused':
      return [`ERROR: usage: ${request.usage}`];
    case 'unknown':
      return [`ERROR: unknown command '${shortened(request.text)}'`, ...help];
    case 'http':
      return ['ERROR: this is not an HTTP server'];
  }
}

const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const sortedJobs = (jobs: readonly JobCounts[]): JobCounts[] =>
  jobs
    .map((job) => ({ ...job, pids: job.pids.toSorted((a, b) => a - b) }))
    .toSorted((a, b) => byName(a.worker, b.worker));

async function want(worker: string, asked: number, backend: AdminBackend): Promise<string[]> {
  if (!backend.workers().includes(worker)) return [invalidClass(worker, backend)];
  const result = await backend.want(worker, Math.min(asked, maxDesired));
  if (result.kind === 'refused') return [`ERROR: ${result.problem}`];
  const said = `Now desiring ${result.count} children doing '${worker}'.`;
  return result.count === asked ? [said] : [said, `${result.count} is the cap.`];
}

function desired(worker: string, backend: AdminBackend): string[] {
  if (!backend.workers().includes(worker)) return [invalidClass(worker, backend)];
  const count = backend.jobs().find((job) => job.worker === worker)?.desired ?? 0;
  return [`Desiring ${count} children doing '${worker}'.`];
}

const invalidClass = (worker: string, backend: AdminBackend): string =>
  `ERROR: Invalid class '${shortened(worker)}'.  Valid classes: ${backend.workers().toSorted(byName).join(', ')}`;

const shortened = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

function statLines({ uptime, counters }: ReturnType<AdminBackend['stats']>): string[] {
  const sorted = Object.entries(counters).toSorted(([a], [b]) => byName(a, b));
  return [
    `uptime ${Math.floor(uptime / 1000)}`,
    ...sorted.map(([name, value]) => `${name} ${value}`),
  ];
}

interface Watchers {
  /** Whether the client watches from now on. */
  readonly toggle: (client: LineClient) => boolean;
}

function watchersOf(backend: AdminBackend): Watchers {
  const watching = new Set<LineClient>();
  const farewells = new WeakMap<LineClient, () => void>();
  let unsubscribe: (() => void) | undefined;

  // One string for all: what waits for many slow watchers is in memory once.
  const send = (text: string): void => {
    const line = `:: ${oneLine(text)}`;
    for (const client of watching) client.send(line);
  };
  const remove = (client: LineClient): boolean => {
    const wasThere = watching.delete(client);
    if (watching.size === 0) {
      unsubscribe?.();
      unsubscribe = undefined;
    }
    return wasThere;
  };
  return {
    toggle: (client) => {
      if (remove(client)) return false;
      watching.add(client);
      unsubscribe ??= backend.subscribe(send);
      const farewell = farewells.get(client) ?? ((): boolean => remove(client));
      farewells.set(client, farewell);
      client.onClose(farewell);
      return true;
    },
  };
}

/**
 * The lines of a reply and the line that ends it. A line that begins with a dot would be harmless, since only a dot alone is the
 * end. But no text of a worker or a client may look like the end, even to a client that trims its lines.
 */
export const formatReply = (lines: readonly string[]): string[] => [
  ...lines.map(oneLine).map((line) => (/^\s*\./.test(line) ? `.${line}` : line)),
  '.',
];

/** Without characters that end a line or control a terminal. */
const oneLine = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trimEnd();

const help: readonly string[] = `workerctl admin commands:

    !version    The version of workerctl.
    !recent     The latest events.
    !queue      Nothing: workerctl sees no queue.
    !stats      Uptime in seconds, and counters.
    !watch      Events as they happen, each after "::"; again to stop.
    !jobs       Count, desired count and pids of each worker.
    !shutdown   End workerctl watch; the reply says what that means.

    !to <job class> <message>
                Send <message> to the workers of <job class>.

    !want <count> <job class>
                Desire this many workers of this class, at most its max_count,
                and never more than ${maxDesired}.
                Surplus ones are asked to finish their job.
    !want <job class>
                Show how many are desired.
`.split('\n');
