import { describe, expect, test } from 'vitest';
import { claimOf, looksLike, refusalOf, type Candidate } from '../../../src/core/rules/adoption.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import { noon, noonPlus, process, seconds } from '../builders.ts';

const command = ['/usr/bin/bundle', 'exec', 'bin/delayed_job', '--identifier=1', 'start'];

const candidate = (more: Partial<Candidate> = {}): Candidate => ({
  process: process(500),
  title: 'delayed_job.1',
  isOtherUsers: false,
  isAncestor: false,
  isShim: false,
  hasMarker: false,
  startedAt: noon,
  ...more,
});

test('an ordinary process must not be refused', () => {
  expect(refusalOf(candidate())).toBeUndefined();
});

test.each<[string, Partial<Candidate>, string]>([
  ['init', { process: process(1) }, 'it is the first process of the host or container'],
  ['kthreadd', { process: process(2, { parentPid: 0 }), title: '' }, 'a kernel thread'],
  ['a kernel thread', { process: process(9, { parentPid: 2 }), title: '' }, 'a kernel thread'],
  ['a thread', { threadOf: 499 }, 'it is a thread of pid 499'],
  ['a parent of this command', { isAncestor: true }, 'it is this command or a parent of it'],
  ['a shim', { isShim: true }, 'it is a shim of workerctl'],
  ["another instance's", { belongsTo: 'mail.2' }, 'it belongs to mail.2'],
  ["another user's", { isOtherUsers: true }, 'it belongs to another user'],
])('%s must be refused', (_, more, words) => {
  expect(refusalOf(candidate(more))?.problem).toContain(words);
});

test('an ordinary child of an ordinary process that has pid 2 must not be taken for a kernel thread', () => {
  expect(refusalOf(candidate({ process: process(9, { parentPid: 2 }) }))).toBeUndefined();
});

describe('the process that a pidfile names', () => {
  const claim = (writtenAfter: number, more: Partial<Candidate> = {}): string =>
    claimOf(candidate(more), noonPlus(seconds(writtenAfter)), command);
  const unlike = { title: 'postgres: writer' };

  test.each([
    ['was there and looks like it', claim(1), 'its'],
    ['was there and has the marker', claim(1, { ...unlike, hasMarker: true }), 'its'],
    ['was there and looks like something else', claim(1, unlike), 'unclear'],
    ['began later and looks like it', claim(-60), 'unclear'],
    ['began later and has the marker', claim(-60, { ...unlike, hasMarker: true }), 'unclear'],
    ['began later and looks like something else', claim(-60, unlike), 'stale'],
    ['may not be signalled by us', claim(1, { isOtherUsers: true }), 'stale'],
    ['is of another instance', claim(1, { belongsTo: 'mail.2' }), 'stale'],
  ])('%s', (_, found, expected) => {
    expect(found).toBe(expected);
  });

  test('a clock that was set by a second must not matter', () => {
    const startedAt = momentOf(noon + 1_500);
    expect(claimOf(candidate({ startedAt }), noon, command)).toBe('its');
  });
});

test.each([
  ['delayed_job.1', command, true],
  ['ruby /srv/app/bin/delayed_job run', command, true],
  ['delayed_job', command, true],
  ['unicorn master -D -c unicorn.rb', ['unicorn', '-D'], true],
  ['resque-2.0: Waiting for mail', ['rake', 'resque:work'], false],
  ['/usr/bin/python3 -m celery worker', ['celery', 'multi', 'start', 'w1'], true],
  ['/usr/bin/ruby /srv/other/bin/sidekiq', ['/usr/bin/ruby', 'bin/delayed_job'], false],
  ['bundle exec rake jobs:work', ['bundle', 'exec', 'bin/delayed_job', 'start'], false],
  ['node /srv/app/worker.js', ['node', 'server.mjs'], false],
  ['sleep 1000', ['sh', '-c', 'true'], false],
  ['/usr/bin/perl /srv/app/worker.pl', ['/usr/bin/perl', '/srv/app/worker.pl'], true],
  ['/usr/bin/perl /srv/app/worker.pl', ['/srv/app/worker.pl'], true],
  ['/usr/bin/perl /srv/other-worker.pl', ['worker.pl'], false],
  ['', command, false],
])('whether %j looks like %j must be %s', (title, words, expected) => {
  expect(looksLike(title, words)).toBe(expected);
});
