/** Logs in one folder. */
export interface LogFolder {
  readonly logs: readonly string[];
  /** User and group of the folder: logrotate wants to be them where others than root can write. Not told of root's. */
  readonly owner: { readonly user: string; readonly group: string } | undefined;
}

/** What logrotate is to be told. */
export interface LogrotateFacts {
  /** The config file. */
  readonly config: string;
  /** The logs that nobody else rotates. */
  readonly folders: readonly LogFolder[];
  /** What is left out, and why, in words. */
  readonly leftOut: readonly string[];
  /** Whether the logs are those of the counts in force, and not of the config's. */
  readonly knowsWants: boolean;
}

/** The first line of a file of ours; the config tells whose it is. */
export const logrotateHeader = (config: string): string =>
  `# Made by workerctl install logrotate for ${config}`;

/**
 * A configuration for logrotate(8). A worker goes on writing to the file that it has open, so that the log is copied and then
 * truncated.
 */
export function formatLogrotate({ config, folders, leftOut, knowsWants }: LogrotateFacts): string {
  const head = [
    logrotateHeader(config),
    '# Make it again when a worker or its count has changed.',
    ...(knowsWants ? [] : [countsOfConfig]),
    ...leftOut.map((words) => `# ${words}`),
    ...(folders.length === 0 ? ['# There is nothing left for logrotate to do.'] : []),
  ];
  return text([...head, ...folders.flatMap((folder) => ['', ...sectionOf(folder)])]);
}

const countsOfConfig =
  "# The counts are the config's, not those of workerctl want: the state directory is not the caller's own.";

const sectionOf = ({ logs, owner }: LogFolder): string[] => [
  ...logs.map(quoted),
  '{',
  '    daily',
  '    maxsize 100M',
  '    rotate 14',
  '    compress',
  '    delaycompress',
  '    missingok',
  '    notifempty',
  '    # A worker keeps its log open. A line that is written between copy and truncation is lost: log.max_size loses none.',
  '    copytruncate',
  ...(owner === undefined ? [] : [`    su ${owner.user} ${owner.group}`]),
  '}',
];

/** Names are patterns there: see glob(7). */
const quoted = (path: string): string => `"${path.replace(/["\\*?[\]]/g, '\\$&')}"`;

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
