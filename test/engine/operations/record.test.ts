import { readFileSync, statSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import { mostOutput } from '../../../src/core/model/operation.ts';
import { recordOperation } from '../../../src/engine/operations/record.ts';
import {
  keepOperation,
  operationFolder,
  readOperation,
} from '../../../src/host/state/operation-files.ts';
import { openOutput } from '../../../src/host/state/operation-output.ts';
import { useScratch } from '../../rig/scratch.ts';

const { folder } = useScratch();

const request = {
  id: 'a',
  command: 'restart',
  words: ['restart'],
  by: 'deploy@web1',
  at: momentOf(0),
};

test('of its output 8 MiB must be kept, its result in any case, and the rest be missed', () => {
  keepOperation(folder(), request);
  const place = operationFolder(folder(), 'a');
  const recorder = recordOperation(place);
  if (recorder === undefined) throw new Error('expected to be the runner');
  let kept = 0;
  for (; recorder.hasRoom(); kept += 1) recorder.keep('json', 'x'.repeat(10_000));
  expect(recorder.hasRoom()).toBe(false);
  recorder.keep('json', 'the result');
  recorder.end(124);
  const { size } = statSync(`${place}/output`);
  expect(size).toBeGreaterThanOrEqual(mostOutput);
  expect(size).toBeLessThan(mostOutput + 20_000);
  expect(readOperation(folder(), 'a')?.state).toMatchObject({
    kind: 'ended',
    end: { exitCode: 124, isIncomplete: true },
  });
  const output = openOutput(`${place}/output`);
  const texts = [...output.read()].map(({ text }) => text);
  output.close();
  expect(texts).toHaveLength(kept + 1);
  expect(texts.at(-1)).toBe('the result');
});

test('what is kept whole must not be called incomplete, and only one process may be the runner', () => {
  keepOperation(folder(), request);
  const place = operationFolder(folder(), 'a');
  const recorder = recordOperation(place);
  recorder?.keep('out', 'done\n');
  recorder?.end(0);
  expect(recordOperation(place)).toBeUndefined();
  expect(JSON.parse(readFileSync(`${place}/ended.json`, 'utf8'))).toMatchObject({
    exit_code: 0,
    incomplete: false,
  });
});

test('output that a full disk does not take must be missed, and the result be kept', () => {
  keepOperation(folder(), request);
  const place = operationFolder(folder(), 'a');
  symlinkSync('/dev/full', `${place}/output`);
  const recorder = recordOperation(place);
  recorder?.keep('out', 'asked\n');
  recorder?.end(0);
  expect(readOperation(folder(), 'a')?.state).toMatchObject({
    kind: 'ended',
    end: { exitCode: 0, isIncomplete: true },
  });
});
