import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import { sharedConnections } from '../../../src/host/ssh/shared-connections.ts';
import { remoteLine, sshCommand } from '../../../src/host/ssh/ssh-command.ts';
import { useScratch } from '../../rig/scratch.ts';

const { folder, path } = useScratch();

/** Where the sockets are. */
const placeOf = (runtime: string): string | undefined =>
  sharedConnections({ XDG_RUNTIME_DIR: runtime })
    ?.byOptions.find((word) => word.startsWith('ControlPath='))
    ?.slice('ControlPath='.length);

test('sockets must be in a private directory below XDG_RUNTIME_DIR, and the configuration of the user must go first', () => {
  expect(placeOf(folder())).toBe(path('workerctl/%C'));
  const text = readFileSync(path('workerctl/ssh_config'), 'utf8');
  expect(text.indexOf('Include')).toBeLessThan(text.indexOf('ControlMaster'));
  expect(sharedConnections({ XDG_RUNTIME_DIR: folder() })?.byFile).toEqual([
    '-F',
    path('workerctl/ssh_config'),
  ]);
});

test.each([
  [
    'is open to others',
    () => {
      mkdirSync(path('workerctl'));
      chmodSync(path('workerctl'), 0o777);
    },
  ],
  [
    'is a link',
    () => {
      mkdirSync(path('elsewhere'), { mode: 0o700 });
      symlinkSync(path('elsewhere'), path('workerctl'));
    },
  ],
  [
    'cannot be made',
    () => {
      symlinkSync('/proc/nothing', path('workerctl'));
    },
  ],
])('a directory that %s must not be used', (_, prepare) => {
  prepare();
  expect(placeOf(folder())).not.toContain(folder());
});

test('a path must leave room for the name of a socket, and be absolute', () => {
  const long = join(folder(), 'x'.repeat(60));
  mkdirSync(long);
  expect(placeOf(long)).not.toContain(long);
  expect(placeOf('run')).not.toMatch(/^run/);
});

const host = { name: 'web1', groups: [], workerctl: 'bin/workerctl', config: "/srv/it's/w.yaml" };

test('every word for a host must be quoted, and its name must follow --', () => {
  const line = remoteLine(host, ['restart', '$(id)', '', 'a b']);
  expect(line).toBe(`bin/workerctl restart '$(id)' '' 'a b' --config '/srv/it'\\''s/w.yaml'`);
  const fleet = { ssh: ['ssh', '-v'], connectTimeout: durationOf(1_500) };
  const words = sshCommand(fleet, { ...host, user: 'deploy' }, line, undefined);
  expect(words.slice(-5)).toEqual(['-l', 'deploy', '--', 'web1', line]);
  expect(words).toContain('ConnectTimeout=2');
  expect(words.slice(0, 2)).toEqual(['ssh', '-v']);
});

test('a configuration that fleet.yaml names for ssh must stay in force', () => {
  const shared = { byFile: ['-F', 'ours'], byOptions: ['-o', 'ControlMaster=auto'] };
  const words = (...ssh: string[]): readonly string[] =>
    sshCommand({ ssh, connectTimeout: durationOf(1_000) }, host, ':', shared);
  expect(words('ssh')).toContain('ours');
  expect(words('ssh', '-F', 'theirs')).not.toContain('ours');
  expect(words('ssh', '-F', 'theirs')).toContain('ControlMaster=auto');
});
