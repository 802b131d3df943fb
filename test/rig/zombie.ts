import { spawnSync } from 'node:child_process';
import type { Scratch } from './scratch.ts';
import { until } from './wait.ts';
import { look } from './kernel.ts';

/**
 * The pid of a zombie, whose parent does not reap it. The child ends only once the shell has become another program: a
 * shell that is still there may take notice of the death.
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

/** Whether there is a perl that can make threads and end one of them alone (its call 60 is exit on x86-64 only). */
export const hasThreads =
  process.arch === 'x64' && spawnSync('perl', ['-Mthreads', '-e', '1']).status === 0;

/**
 * The pid of a process whose first thread has ended while another goes on. The kernel shows it as a zombie, but it
 * lives: it has its memory, its files and its locks, and its parent gets no notice of an end.
 */
export async function headlessIn(scratch: Scratch): Promise<number> {
  const program = 'threads->create(sub { sleep 1000 }); syscall(60, 0)';
  const { pid } = scratch.run(['perl', '-Mthreads', '-e', program]);
  await until('a process without its first thread', () => {
    const seen = look(pid);
    return seen?.state === 'Z' && seen.threads > 1;
  });
  return pid;
}
