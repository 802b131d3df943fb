import { WorkerctlError } from '../../core/basics/error.ts';
import { errnoOf } from './errno.ts';

/** What the host lacks, and what to do about it, by the code of the system error. Source: errno(3). */
const shortages: Readonly<Record<string, readonly [lack: string, hint: string]>> = {
  EMFILE: [
    'too few file descriptors',
    'raise the limit: ulimit -n 1024 (systemd: LimitNOFILE=1024), then run it again',
  ],
  ENFILE: [
    'the host has no file descriptor left',
    'end processes that hold many files, or raise sysctl fs.file-max; then run it again',
  ],
  EAGAIN: [
    'no more processes may be started',
    'raise the limit: ulimit -u (systemd: TasksMax=), or end some; then run it again',
  ],
  ENOMEM: ['too little memory', 'raise the limit (ulimit -v, MemoryMax=), then run it again'],
};

/** Whether the host lacks file descriptors, processes or memory: then a file that cannot be read tells nothing. */
export function isShortage(error: unknown): boolean {
  const code = errnoOf(error) ?? '';
  return Object.hasOwn(shortages, code) && (code !== 'EAGAIN' || isOfProcess(error));
}

/** Other calls say EAGAIN for what would block. */
const isOfProcess = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && String(error.syscall).startsWith('spawn');

/** The shortage that an error comes from, in words; undefined if it comes from none. */
export function shortageIn(error: unknown): WorkerctlError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (!isShortage(cause)) continue;
    const code = errnoOf(cause) ?? '';
    const [lack, hint] = shortages[code] ?? ['', ''];
    const said = error instanceof WorkerctlError ? error.message : cause.message;
    return new WorkerctlError('shortage', `${lack}: ${said}`, { hint, cause: error });
  }
  return undefined;
}
