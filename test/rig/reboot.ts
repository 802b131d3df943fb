import { readdirSync, writeFileSync } from 'node:fs';
import { sealed } from '../../src/host/state/sealed-file.ts';
import { shimsIn } from './crash.ts';
import { readOr } from './files.ts';
import { bootId, isAlive } from './kernel.ts';
import { statusOf, type Rig } from './rig.ts';
import { until } from './wait.ts';

const otherBoot = '00000000-0000-4000-8000-000000000000';

/** Leaves what a loss of power leaves: no process, and the files of another boot. */
export async function rebooted(rig: Rig): Promise<void> {
  const { instances } = await statusOf(rig);
  const shims = shimsIn(rig, 'supervise');
  const workers = instances.flatMap(({ instance }) => rig.instance(instance).processes());
  for (const pid of [...shims, ...workers]) process.kill(pid, 'SIGKILL');
  await until('all to be gone', () => ![...shims, ...workers].some(isAlive));
  for (const file of readdirSync(rig.stateDir)) {
    const path = `${rig.stateDir}/${file}`;
    const text = readOr(path, '');
    if (text.includes(bootId())) writeFileSync(path, sealed(text.replaceAll(bootId(), otherBoot)));
  }
}
