// A waiting command looks again, whatever else happens in the state directory.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { createRig, fixture, readOr, until } from './rig.ts';

/** Changes a file two hundred times a second. */
const noisy = `
const fd = require('node:fs').openSync(process.argv[1], 'a');
setInterval(() => require('node:fs').writeSync(fd, 'noise'), 5);
console.log('noisy');`;

test('restart must see a death that no file tells of, while other files change all the time', async () => {
  const rig = createRig({ mail: { command: fixture('drains-after-job') } });
  await rig.start();
  const mail = rig.instance('mail.1');
  await mail.giveJob();
  const [old = 0] = mail.boots();
  const restart = rig.shell('workerctl restart --no-canary >told');
  await mail.asked();
  const noise = spawn(process.execPath, ['-e', noisy, `${rig.stateDir}/other`]);
  await once(noise.stdout, 'data');
  try {
    const shim = Number(/"shim_pid":(\d+)/.exec(readOr(`${rig.stateDir}/mail.1.json`, ''))?.[1]);
    process.kill(shim, 'SIGKILL');
    // It looks whenever it has something to tell, too.
    await until(() => readOr(rig.path('told'), '').includes('waiting for 1'), 'its first words');
    mail.finishJob();
    await until(() => mail.pid() !== old && mail.boots().length === 2, 'its replacement');
    const { exitCode, all } = await restart;
    expect(exitCode, all).toBe(0);
    expect(mail.terms()).toEqual([old]);
  } finally {
    noise.kill('SIGKILL');
  }
});
