import { look, until } from './kernel.ts';
import type { Scratch } from './scratch.ts';

/**
 * The pid of a zombie, whose parent does not care. The child ends only once the shell has become another program: a shell
 * that is still there may take notice of the death.
 */
export async function zombieIn(scratch: Scratch): Promise<number> {
  const parent = scratch.shell(
    '(until grep -q sleep /proc/$$/comm; do :; done) & echo "zombie $!"; exec sleep 1000',
  );
  await parent.says('zombie');
  const pid = Number(/zombie (\d+)/.exec(parent.heard())?.[1]);
  await until('a zombie', () => look(pid)?.state === 'Z');
  return pid;
}
