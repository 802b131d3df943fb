import { fstatSync } from 'node:fs';
import { childProcess } from '../host/process/spawn.ts';

/**
 * Calls back when whoever reads our standard output through a pipe has left (`| grep -m1 ready`), though we have nothing to
 * write: poll(2) would tell, and Node has none. GNU's tail has, and dies of SIGPIPE then. Elsewhere the next line tells.
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
