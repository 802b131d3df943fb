import { WorkerctlError } from '../../core/basics/error.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { describeErrno } from '../files/errno.ts';

/**
 * Writes metrics for node_exporter's textfile collector: atomically, under a temporary name that it does not read, and readable
 * by every user, whatever the umask is.
 * @throws WorkerctlError `failed`
 */
export function writeMetricsFile(path: string, text: string): void {
  const umask = process.umask(0o022);
  try {
    writeFileAtomically(path, text);
  } catch (error) {
    throw new WorkerctlError(
      'failed',
      `metrics file ${path}: expected to write it, found ${describeErrno(error)}`,
      { hint: 'its directory must exist and be writable for this user', cause: error },
    );
  } finally {
    process.umask(umask);
  }
}
