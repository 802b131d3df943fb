import { WorkerctlError } from '../basics/error.ts';
import { lookup } from '../basics/lookup.ts';
import { formatDuration, type Duration } from '../basics/time.ts';
import { jobLines, type JobCounts } from '../views/job-counts.ts';

/** The most children of one worker that `!want` asks for. */
export const maxDesired = 500;

/** What answers the requests. The client gets the message of a WorkerctlError that it throws. */
export interface AdminBackend {
  readonly version: string;
  /** The names of the workers in the config. */
  readonly workers: () => readonly string[];
  /** Those of the config, and others of which a process still runs. */
  readonly jobs: () => readonly JobCounts[];
  /** Returns how many are desired from now on. */
  readonly want: (worker: string, count: number) => Promise<number>;
  readonly stats: () => {
    readonly uptime: Duration;
    readonly counters: Readonly<Record<string, number>>;
  };
  /** What keeps the watch from its work, and for how long it has; undefined if all is well. */
  readonly health: () => { readonly problem: string; readonly lasted: Duration } | undefined;
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

/** Answers the lines of any number of clients; an error that is no WorkerctlError is a bug and passes. */
export function adminHandler(backend: AdminBackend): LineHandler {
  const watchers = watchersOf(backend);
  return async (line, client) => {
    const text = line.trim();
    if (text === '') return [];
    if (/^[A-Z]+ \S+ HTTP\/\d/.test(text)) {
      client.end(); // a browser, sent by a web page
      return formatReply(['ERROR: this is not an HTTP server']);
    }
    const [, name = '', words = ''] = /^!(\S+)(?:\s+([^]*))?$/.exec(text) ?? [];
    const command = lookup(commands, name);
    try {
      return formatReply(
        command === undefined
          ? [`ERROR: unknown command '${shortened(text)}'`, ...help]
          : await command(backend, words, () => watchers.toggle(client)),
      );
    } catch (error) {
      if (!(error instanceof WorkerctlError)) throw error;
      const hint = error.hint === undefined ? [] : [error.hint];
      return formatReply([`ERROR: ${error.message}`, ...hint]);
    }
  };
}

type Lines = readonly string[];

/** What a command answers; `toggleWatch` says whether the client watches from now on. */
type Command = (
  backend: AdminBackend,
  words: string,
  toggleWatch: () => boolean,
) => Lines | Promise<Lines>;

/** The commands. Source: MogileFS, lib/MogileFS/Connection/Client.pm */
const commands: Readonly<Record<string, Command>> = {
  jobs: (backend) => jobLines(sortedJobs(backend.jobs())),
  stats: (backend) => statLines(backend.stats()),
  health: (backend) => {
    const trouble = backend.health();
    if (trouble === undefined) return ['ok'];
    return [`ERROR: for ${formatDuration(trouble.lasted)}: ${trouble.problem}`];
  },
  watch: (_, _words, toggleWatch) => [
    toggleWatch() ? 'Added you to watcher list.' : 'Removed you from watcher list.',
  ],
  recent: (backend) => backend.recent(),
  version: (backend) => [backend.version],
  shutdown: (backend) => [backend.shutdown()],
  help: () => help,
  queue: () => ['workerctl sees no queue: only your workers know the waiting jobs.'],
  to: async (backend, words) => {
    const [, target, text = ''] = /^(\S+)\s+([^]+)$/.exec(words) ?? [];
    if (target === undefined) return ['ERROR: usage: !to <jobclass> <message>'];
    return [await backend.to(target, text)];
  },
  want: (backend, words) => {
    const [, count, worker = ''] = /^(\d+)\s+(\S+)$/.exec(words) ?? [];
    if (count !== undefined) return want(worker, Number(count), backend);
    // A number alone means that the worker was forgotten.
    if (/^\S+$/.test(words) && !/^-?\d+$/.test(words)) return desired(words, backend);
    return ['ERROR: usage: !want <count> <jobclass>'];
  },
};

const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const sortedJobs = (jobs: readonly JobCounts[]): JobCounts[] =>
  jobs
    .map((job) => ({ ...job, pids: job.pids.toSorted((a, b) => a - b) }))
    .toSorted((a, b) => byName(a.worker, b.worker));

async function want(worker: string, asked: number, backend: AdminBackend): Promise<string[]> {
  if (!backend.workers().includes(worker)) return [invalidClass(worker, backend)];
  const count = await backend.want(worker, Math.min(asked, maxDesired));
  const said = `Now desiring ${count} children doing '${worker}'.`;
  return count === asked ? [said] : [said, `${count} is the cap.`];
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

/** The clients that watch; `toggle` says whether a client watches from now on. */
function watchersOf(backend: AdminBackend) {
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
    toggle: (client: LineClient): boolean => {
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
    !health     ok, or an error: what keeps workerctl watch from its work.
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
