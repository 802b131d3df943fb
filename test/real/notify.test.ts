// A real program that speaks sd_notify(3), gunicorn as Debian packages it, run by workerctl, whose watch receives it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openNotifySocket, type NotifyMessage } from '../../src/host/sockets/notify-socket.ts';
import { readOr } from '../rig/files.ts';
import { until } from '../rig/wait.ts';
import { createRig, type Rig } from './rig.ts';

const waitMs = 60_000;

test('gunicorn must say that it is ready, and be known as the instance that it is', async () => {
  const rig = createRig();
  onTestFinished(rig.end);
  const stateDir = join(rig.folder, '.workerctl');
  mkdirSync(stateDir);
  const messages: NotifyMessage[] = [];
  const socket = await openNotifySocket(stateDir, (message) => messages.push(message));
  if (socket.kind === 'unavailable') throw new Error(`expected perl or python3: ${socket.problem}`);
  onTestFinished(socket.close);
  writeConfig(rig, socket.environmentFor('web.1'));

  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(0);
  const pidOf = (name: string): number => Number(readOr(join(stateDir, `${name}.pid`), '0'));
  await until('a message of each', () => messages.length >= 2, waitMs);

  expect(messages.toSorted((a, b) => a.pid - b.pid)).toEqual(
    ['web.1', 'web.2']
      .map((instance) => ({
        pid: pidOf(instance),
        instance,
        fields: { ready: true, status: 'Gunicorn arbiter booted' },
      }))
      .sort((a, b) => a.pid - b.pid),
  );
});

function writeConfig(rig: Rig, env: Readonly<Record<string, string>>): void {
  writeFileSync(
    join(rig.folder, 'application.py'),
    `def application(environ, start_response):
    start_response('204 No Content', [])
    return []
`,
  );
  writeFileSync(
    join(rig.folder, 'workerctl.yaml'),
    JSON.stringify({
      workers: {
        web: {
          command: ['gunicorn', '--bind', 'unix:%n.sock', 'application'],
          count: 2,
          env: { ...rig.env, ...env },
        },
      },
    }),
  );
}
