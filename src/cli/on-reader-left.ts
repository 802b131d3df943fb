import { fstatSync } from 'node:fs';
import { childProcess } from '../host/process/spawn.ts';

/**
 * Calls back when the process that reads our standard output through a pipe is gone (`| grep -m1 ready`), even if there is
 * nothing to write. Node has no poll(2) for that; GNU tail has, and dies of SIGPIPE then. With other versions of tail the
 * next write shows it.
 */
export function onReaderLeft(left: () => void): () => void {
  if (!fstatSync(1).isFIFO()) return () => undefined;
  const words = ['-f', `--pid=${process.pid}`, '/dev/null'];
  const child = childProcess().spawn('tail', words, { stdio: ['ignore', 'inherit', 'ignore'] });
  child
    .on('error', () => undefined)
    .on('exit', (_, signal) => {
      if (signal === 'SIGPIPE') left();
    });
  child.unref();
  return () => child.kill();
}
