import { expect, test } from 'vitest';
import type { Worker } from '../../../src/core/model/config.ts';
import { commandDigestOf } from '../../../src/host/worker/command-digest.ts';
import { aWorker } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const digestWith = (changes: Partial<Worker>): string =>
  commandDigestOf({ ...aWorker('mail', ['1', '2']), ...changes });

test('must differ if command, directory or environment do, and only then', () => {
  const file = scratch.write('.env', 'A=1\n');
  const plain = digestWith({});
  expect(plain).toMatch(/^[0-9a-f]{12}$/);
  expect(digestWith({})).toBe(plain);
  expect(digestWith({ identifiers: ['1'], nice: 5 })).toBe(plain);
  const withFile = digestWith({ envFiles: [file] });
  scratch.write('.env', 'A=2\n');
  const all = [
    plain,
    withFile,
    digestWith({ envFiles: [file] }),
    digestWith({ command: ['other'] }),
    digestWith({ directory: '/other' }),
    digestWith({ env: { A: '1' } }),
    digestWith({ passEnv: ['A'] }),
    digestWith({ envFiles: [`${file}.%i`] }),
  ];
  expect(new Set(all).size).toBe(all.length);
});
