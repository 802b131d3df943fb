import { readFileSync, mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WorkerctlError } from '../../src/core/error.ts';
import { noIntent, type Intent } from '../../src/core/intent.ts';
import { momentOf } from '../../src/core/time.ts';
import { intentPath, readIntent, writeIntent } from '../../src/os/intent-file.ts';
import { useScratch } from './scratch.ts';

const scratch = useScratch();

const intent: Intent = {
  stopped: { 'mail.1': { at: momentOf(1_700_000_000_000), by: 'deploy@web1' } },
  rollout: {
    at: momentOf(1_700_000_000_001),
    by: 'deploy@web1',
    replaces: { 'mail.2': { pid: 7, startTime: 8, bootId: 'x' } },
  },
};

function refusal(act: () => unknown): WorkerctlError {
  try {
    act();
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

test('nothing must be wanted without a file', () => {
  expect(readIntent(scratch.folder())).toEqual(noIntent);
});

test.each([intent, { stopped: intent.stopped }, noIntent])('%j must come back', (one) => {
  writeIntent(scratch.folder(), one, { durable: true });
  expect(readIntent(scratch.folder())).toEqual(one);
});

test.each(['', 'abc', '[]', '{}', '{"version":2,"stopped":{}}', '{"version":1,"stopped":{"a":1}}'])(
  '%j must be refused, naming the file and what to do',
  (text) => {
    scratch.write('state.json', text);
    const error = refusal(() => readIntent(scratch.folder()));
    expect(error.code).toBe('state');
    expect(error.message).toContain(intentPath(scratch.folder()));
    expect(error.message).toContain('expected the intent that workerctl wrote');
    expect(error.hint).toContain('remove that file');
  },
);

test('one that cannot be written must be an error, and leave the old one', () => {
  mkdirSync(intentPath(scratch.folder()));
  const error = refusal(() => {
    writeIntent(scratch.folder(), intent, { durable: true });
  });
  expect(error.code).toBe('state');
  expect(error.message).toContain('nothing was done');
});

test('a name like those of objects must be an instance like any other', () => {
  const odd: Intent = { stopped: { '__proto__.1': { at: momentOf(1), by: 'me' } } };
  writeIntent(scratch.folder(), odd, { durable: true });
  expect(readFileSync(intentPath(scratch.folder()), 'utf8')).toContain('__proto__.1');
  expect(readIntent(scratch.folder())).toEqual(odd);
});
