import { mkdirSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { linkFindings } from '../../../src/commands/doctor/links.ts';
import { listed } from '../../../src/core/views/finding.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import { aConfig, aWorker } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** What is found of a worker in `current`, a link to `r1`. */
function foundOf(changes: Partial<Worker>): string[] {
  mkdirSync(scratch.path('r1/app'), { recursive: true });
  symlinkSync('r1', scratch.path('current'));
  const worker = aWorker('mail', ['1', '2'], { directory: scratch.path('current'), ...changes });
  return listed(linkFindings({ config: aConfig(worker), hostName: 'web1' })).map(
    ({ level, about, found }) => `${level} ${about}: ${found}`,
  );
}

const fine = 'ok links: no start follows the link of a release twice';
const warned = (key: string, name: string): string =>
  `warning workers.mail.${key}: ${scratch.path(`current/${name}`)} leads through ${scratch.path('current')}, as the directory does`;

test('a command or an env file through the link of the directory must be a warning, once per worker', () => {
  const command = ['/usr/bin/env', scratch.path('current/bin/worker'), '-v'];
  const envFiles = [scratch.path('current/.env'), scratch.path('shared/.env')];
  expect(foundOf({ command, envFiles })).toEqual([
    warned('command', 'bin/worker'),
    warned('env_files', '.env'),
  ]);
});

test('the link may be above the directory', () => {
  const command = [scratch.path('current/bin/worker')];
  expect(foundOf({ command, directory: scratch.path('current/app') })).toEqual([
    warned('command', 'bin/worker'),
  ]);
});

test('a path that starts in the directory, or leads elsewhere, must be fine', () => {
  expect(foundOf({ command: ['bin/worker', '/usr/share/x'] })).toEqual([fine]);
});

test('without a link there must be nothing to say', () => {
  const directory = scratch.path('r1');
  expect(foundOf({ directory, command: [`${directory}/bin/worker`] })).toEqual([fine]);
});
