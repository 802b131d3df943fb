import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const { keep } = createRequire(import.meta.url)('../../../bin/keep-compiled.js') as {
  keep: (lacking: readonly object[], folders: readonly string[], headLength: number) => void;
};

const part = {
  id: 'i'.repeat(24),
  keptAs: 'kept',
  script: { createCachedData: () => Buffer.from('code') },
};

test('what V8 has compiled must be kept, also if a run that was killed had the same pid; old files go', () => {
  const beside = scratch.path('dist/compiled');
  mkdirSync(beside, { recursive: true });
  writeFileSync(`${beside}/kept.${process.pid}`, 'half');
  writeFileSync(`${beside}/old`, '');
  utimesSync(`${beside}/old`, 1, 1);
  keep([{ part, words: ['status'] }], [scratch.path('own/workerctl'), beside], 64);
  expect(readdirSync(beside)).toEqual(['kept']);
  expect(readFileSync(`${beside}/kept`, 'latin1')).toBe(`${`${part.id}status`.padEnd(64)}code`);
  expect(existsSync(scratch.path('own'))).toBe(false);
});
