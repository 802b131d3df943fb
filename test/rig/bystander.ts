import { spawn } from 'node:child_process';
import { isAlive, look, type Seen } from './kernel.ts';
import { until } from './wait.ts';

/** A process that is not ours and must never be signalled. */
export interface Bystander extends Seen {
  /** Whether it lives, and no signal that it can notice has reached it. */
  readonly isUnharmed: () => boolean;
}

/** Reports each signal that reaches it, and stays. */
const program = `
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGCONT'])
  process.on(name, () => process.stdout.write(name + '\\n'));
setInterval(() => {}, 1000);
process.stdout.write('up\\n');
`;

/** Starts a bystander that works in the directory, and is ended with it; `user` owns it if this is root. */
export async function startBystander(folder: string, user?: number): Promise<Bystander> {
  const child = spawn(process.execPath, ['-e', program], {
    cwd: folder,
    env: {},
    stdio: ['ignore', 'pipe', 'ignore'],
    ...(user !== undefined && { uid: user, gid: user }),
  });
  let heard = '';
  child.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  await until('a bystander', () => heard.includes('up'));
  const seen = look(child.pid ?? 0);
  if (seen === undefined) throw new Error('the bystander is gone');
  return { ...seen, isUnharmed: () => heard === 'up\n' && isAlive(seen.pid) };
}
