/**
 * A log that its process has lost: the process still writes to the file that it was given, but the path of its log leads to
 * another file, or to none.
 */
export interface LostLog {
  readonly path: string;
  readonly pid: number;
  /** The file that it was given; as `device:inode`. */
  readonly file: string;
  /** The path by which that file can be opened, `/proc/123/fd/1`; undefined if its outputs are not ours to see. */
  readonly open?: string;
  /** The size of that file in bytes. */
  readonly size?: number;
  /** Where that file is now; undefined if it has no name any more, or that cannot be seen. */
  readonly name?: string;
  /** Whether another file is at the path of the log. */
  readonly isReplaced: boolean;
}

/** What has become of the log, without the remedy: `log /srv/log/mail.1.log was deleted; pid 5841 still writes to it`. */
export function lostLogWords({ path, pid, open, name, isReplaced }: LostLog): string {
  if (open === undefined)
    return `log ${path} was ${isReplaced ? 'replaced' : 'deleted'}; pid ${pid} probably still writes to the old file`;
  if (name !== undefined)
    return `log ${path} ${isReplaced ? 'is another file now' : 'was moved'}; pid ${pid} still writes to ${name}`;
  return isReplaced
    ? `log ${path} was replaced; pid ${pid} still writes to the old, deleted file`
    : `log ${path} was deleted; pid ${pid} still writes to it`;
}

/** What to do: `workerctl restart mail.1 opens a new one`. */
export const newLogWords = (target: string): string =>
  `workerctl restart ${target} opens a new one`;
