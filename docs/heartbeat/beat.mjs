// Beats as long as the event loop runs, and says what it is busy with: await busy('job 212', () => ...)
import { utimes, writeFileSync } from 'node:fs';

const file = process.env.WORKERCTL_HEARTBEAT_FILE;

function say(text) {
  if (file === undefined) return;
  try {
    writeFileSync(file, `${text}\n`);
  } catch {
    // a full disk must not stop the work
  }
}

export function start(everyMs = 5000) {
  say('idle');
  if (file === undefined) return;
  setInterval(() => {
    const now = new Date();
    utimes(file, now, now, () => undefined);
  }, everyMs).unref();
}

export async function busy(what, work) {
  say(`busy ${what}\n${Math.floor(Date.now() / 1000)}`);
  try {
    return await work();
  } finally {
    say('idle');
  }
}
