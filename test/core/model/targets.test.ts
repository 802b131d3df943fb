import { expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { selectInstances } from '../../../src/core/model/targets.ts';
import { aConfig, aWorker } from '../builders.ts';

const config = aConfig(aWorker('mail', ['2', '1']), aWorker('fsck', ['a']), aWorker('idle', []));
const recorded = ['mail.1', 'mail.9', 'old.1'];

test.each([
  [[], ['mail.2', 'mail.1', 'fsck.a', 'mail.9']],
  [['mail'], ['mail.2', 'mail.1', 'mail.9']],
  [
    ['mail.1', 'fsck'],
    ['mail.1', 'fsck.a'],
  ],
  [['*.1'], ['mail.1', 'old.1']],
  [['mail.?'], ['mail.2', 'mail.1', 'mail.9']],
  [['old.1'], ['old.1']],
  [['idle'], []],
])('targets %j must name %j', (targets, names) => {
  expect(selectInstances(config, recorded, targets)).toEqual(names);
});

test.each(['mial', 'mail.3', 'm.il.1', '(', ''])(
  'a target %j that names nothing must be refused',
  (target) => {
    expect(() => selectInstances(config, recorded, [target])).toThrow(WorkerctlError);
    expect(() => selectInstances(config, recorded, ['mail', target])).toThrow(
      /expected a worker, an instance or a glob/,
    );
  },
);

test.each([
  ['mial', 'did you mean mail?'],
  ['mail1', 'did you mean mail.1?'],
  ['mail.3', 'did you mean mail.2?'],
  ['fcsk.a', 'did you mean fsck.a?'],
])('a target %j that is nearly a configured name must be answered with it', (target, words) => {
  expect(() => selectInstances(config, recorded, [target])).toThrow(words);
});

test.each(['olf.1', 'web', '*x'])(
  'a target %j that is near no configured name must not',
  (target) => {
    expect(() => selectInstances(config, recorded, [target])).toThrow(/found none$/);
  },
);

test('instances that are no longer in the config must be in natural order', () => {
  const names = ['old.10', 'old.9', 'old.2'];
  expect(selectInstances(config, names, ['old.*'])).toEqual(['old.2', 'old.9', 'old.10']);
});
