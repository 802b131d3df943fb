import { join } from 'node:path';
import { renameSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { observe } from '../../src/engine/observe/observe.ts';
import { withStrays } from '../../src/engine/observe/strays.ts';
import type { Scene } from '../../src/engine/scene.ts';
import type { Observation } from '../../src/core/model/observation.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';

const sceneOf = ({ folder }: Rig): Scene => ({
  config: loadConfig(join(folder, 'workerctl.yaml')),
  hostName: 'here',
});

/** What a look has seen of mail.1 while its record was not there. */
async function seenWithoutRecord(rig: Rig): Promise<Observation> {
  await rig.start();
  const record = join(rig.stateDir, 'mail.1.json');
  renameSync(record, `${record}.away`);
  const seen = observe(sceneOf(rig), ['mail.1']);
  expect(seen.instances.get('mail.1')?.presence.kind).toBe('absent');
  renameSync(`${record}.away`, record);
  return seen;
}

test('a process that has published its record since the files were read must be seen as its instance', async () => {
  const rig = createRig({ mail: { command: fixture('drains-after-job') } });
  const seen = await seenWithoutRecord(rig);
  const presence = withStrays(sceneOf(rig), seen).instances.get('mail.1')?.presence;
  expect(presence).toMatchObject({
    kind: 'alive',
    process: { pid: rig.instance('mail.1').pid() },
  });
});

test('a process whose record is still missing must be a stray', async () => {
  const rig = createRig({ mail: { command: fixture('drains-after-job') } });
  const seen = await seenWithoutRecord(rig);
  renameSync(join(rig.stateDir, 'mail.1.json'), join(rig.stateDir, 'mail.1.json.away'));
  expect(withStrays(sceneOf(rig), seen).instances.get('mail.1')?.presence.kind).toBe('stray');
});
