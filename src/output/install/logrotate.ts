export interface LogFolder {
  readonly logs: readonly string[];
  /** User and group of the directory, for `su`: logrotate demands it if others than root can write there. */
  readonly owner: { readonly user: string; readonly group: string } | undefined;
}

export interface LogrotateFacts {
  readonly config: string;
  /** The logs that nothing else rotates. */
  readonly folders: readonly LogFolder[];
  /** What is not included, and why, in words. */
  readonly leftOut: readonly string[];
  /** Whether the logs follow the counts in force; if not, the counts in the config. */
  readonly followsCounts: boolean;
}

/** The first line of a file that workerctl may overwrite: it names the config. */
export const logrotateHeader = (config: string): string =>
  `# Made by workerctl install logrotate for ${config}`;

/** A configuration for logrotate(8). A worker keeps its log open, so the log is copied and then truncated. */
export function formatLogrotate({
  config,
  folders,
  leftOut,
  followsCounts,
}: LogrotateFacts): string {
  const head = [
    logrotateHeader(config),
    '# Run it again after a worker or its count has changed.',
    ...(followsCounts ? [] : [countsOfConfig]),
    ...leftOut.map((words) => `# ${words}`),
    ...(folders.length === 0 ? ['# There is nothing to do for logrotate.'] : []),
  ];
  return text([...head, ...folders.flatMap((folder) => ['', ...sectionOf(folder)])]);
}

const countsOfConfig =
  '# The counts are those in the config, not those of workerctl want: the state directory belongs to another user.';

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
  '    # Workers keep their logs open. A line written between copy and truncation is lost; log.max_size loses none.',
  '    copytruncate',
  ...(owner === undefined ? [] : [`    su ${owner.user} ${owner.group}`]),
  '}',
];

/** logrotate takes names as patterns: see glob(7). */
const quoted = (path: string): string => `"${path.replace(/["\\*?[\]]/g, '\\$&')}"`;

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
