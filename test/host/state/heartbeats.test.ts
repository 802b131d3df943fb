import { describe, expect, test } from 'vitest';
import { isDiskFull } from '../../../src/host/state/heartbeats.ts';
import { heartbeatFolder } from '../../../src/host/state/paths.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

describe('a disk', () => {
  test.each<[string, number, number, boolean]>([
    ['without room must be full', 1000, 0, true],
    ['with room for one block must not be full', 1000, 1, false],
    ['that does not say how large it is must not be full', 0, 0, false],
  ])('%s', (_, blocks, bavail, expected) => {
    const asked: string[] = [];
    const sizesOf = (folder: string): { blocks: number; bavail: number } => {
      asked.push(folder);
      return { blocks, bavail };
    };
    expect(isDiskFull(scratch.folder(), sizesOf)).toBe(expected);
    expect(asked).toEqual([heartbeatFolder(scratch.folder())]);
  });

  test('that does not exist must not be full', () => {
    expect(isDiskFull(scratch.path('nowhere'))).toBe(false);
  });
});
