import { WorkerctlError } from '../core/error.ts';
import { childProcess } from './child-process.ts';
import { describeErrno } from './errno.ts';

/**
 * The crontab of whoever calls; empty where he has none.
 * @throws WorkerctlError `failed` when that cannot be told: nothing may be written over it then
 */
export function readCrontab(): string {
  const { status, stdout, stderr } = run(['-l']);
  if (status === 0) return stdout;
  if (/\bno crontab\b|can't open/i.test(stderr)) return '';
  throw failed('cannot be read', stderr);
}

/**
 * Puts this in its place.
 * @throws WorkerctlError `failed` when cron refuses it; the old one is still there then
 */
export function writeCrontab(text: string): void {
  const { status, stderr } = run(['-'], text);
  if (status !== 0) throw failed('cannot be written', stderr);
}

const failed = (what: string, stderr: string): WorkerctlError =>
  new WorkerctlError('failed', `the crontab ${what}: ${stderr.trim()}`, {
    hint: 'workerctl install cron prints the lines, for crontab -e',
  });

function run(words: readonly string[], input?: string) {
  const env = { ...process.env, LC_ALL: 'C' }; // its words tell whether there is none
  const done = childProcess().spawnSync('crontab', words, { input, env, encoding: 'utf8' });
  if (done.error !== undefined)
    throw new WorkerctlError('failed', `crontab(1) cannot be run: ${describeErrno(done.error)}`, {
      hint: 'install cron, or let workerctl watch do it: workerctl install systemd',
    });
  return done;
}
