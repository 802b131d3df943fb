import { expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { namedBy, selectInstances, tagsOf } from '../../../src/core/model/targets.ts';
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

const tagged = aConfig(
  aWorker('mail', ['1', '2', '3', '10'], { tags: ['slow', 'night'] }),
  aWorker('fsck', ['a', 'b'], { tags: ['slow'] }),
  aWorker('web', ['1']),
);

test.each([
  [['mail.[1-3]'], ['mail.1', 'mail.2', 'mail.3']],
  [['mail.[!1-2]'], ['mail.3']],
  [['mail.[13]*'], ['mail.1', 'mail.3', 'mail.10']],
  [['[mf]*'], ['mail.1', 'mail.2', 'mail.3', 'mail.10', 'fsck.a', 'fsck.b']],
  [['@slow'], ['mail.1', 'mail.2', 'mail.3', 'mail.10', 'fsck.a', 'fsck.b']],
  [
    ['@n*', 'web'],
    ['mail.1', 'mail.2', 'mail.3', 'mail.10', 'web.1'],
  ],
  [
    ['@slow', '!mail'],
    ['fsck.a', 'fsck.b'],
  ],
  [['!@slow'], ['web.1']],
  [['mail', '!mail.[1-3]', '!web'], ['mail.10']],
])('sets, tags and exceptions %j must name %j', (targets, names) => {
  expect(selectInstances(tagged, [], targets)).toEqual(names);
  const isNamed = namedBy(targets, tagged);
  expect(selectInstances(tagged, [], []).filter(isNamed)).toEqual(names);
});

test.each([
  [['mail.[10-20]'], '[10-20] is a set of single characters; write numbers as {9..12}'],
  [['mail.[1-10]'], 'single characters'],
  [['@slwo'], 'target "@slwo": expected a tag of a worker, found none; did you mean @slow?'],
  [['@mail'], 'expected a tag of a worker'],
  [['slow'], 'expected a worker'],
  [['mail', '!mial'], 'did you mean mail?'],
  [['fsck', '!@slow'], '--except: nothing is left of what the targets name'],
  [['mail.[1'], 'found none'],
])('targets %j must be refused: %s', (targets, words) => {
  expect(() => selectInstances(tagged, [], targets)).toThrow(words);
});

test('the tags of a config must be told, each once', () => {
  expect(tagsOf(tagged)).toEqual(['@slow', '@night']);
});

test('a glob must take no time that grows faster than its length', () => {
  const name = `mail.${'a'.repeat(100)}`;
  const begun = performance.now();
  const glob = `${'*a'.repeat(80)}*b`;
  expect(() =>
    selectInstances(aConfig(aWorker('mail', ['a'.repeat(100)])), [name], [glob]),
  ).toThrow();
  expect(performance.now() - begun).toBeLessThan(2_000);
});
