import { expect, test } from 'vitest';
import type { Event } from '../../src/core/events/event.ts';
import {
  annotate,
  annotationFor,
  annotationOf,
  isGitHubWorkflow,
} from '../../src/output/annotations.ts';
import { noon } from '../core/builders.ts';

const failed = (log: readonly string[]): Event => ({
  kind: 'start_failed',
  at: noon,
  instance: 'mail.1',
  problem: 'exit status 3',
  logFile: '/log/mail.1.log',
  log,
});

test('an annotation must be one line with what GitHub escapes', () => {
  expect(annotate('warning', 'a:b, 5%\n', '100%: a,\r\n::error::b\r::c')).toBe(
    '::warning title=a%3Ab%2C 5%25%0A::100%25: a,%0A::error::b^M::c\n',
  );
});

test('a start that failed must be annotated with its last log lines', () => {
  expect(annotationFor(failed(['no database', 'giving up']))).toBe(
    '::error title=workerctl%3A mail.1::mail.1: start failed: exit status 3%0Alast lines of /log/mail.1.log:%0Ano database%0Agiving up\n',
  );
  expect(annotationFor(failed([]))).toMatch(
    /exit status 3%0Ait wrote nothing to \/log\/mail.1.log\n$/,
  );
});

test('only failures must be annotated', () => {
  const about = { at: noon, instance: 'mail.1', pid: 7 } as const;
  expect(annotationFor({ kind: 'signal_failed', problem: 'not permitted', ...about })).toBe(
    '::error title=workerctl%3A mail.1::mail.1: could not signal pid 7: not permitted\n',
  );
  expect(annotationFor({ kind: 'ready', ...about })).toBeUndefined();
});

test('only GITHUB_ACTIONS=true must mean a workflow', () => {
  expect(isGitHubWorkflow({ GITHUB_ACTIONS: 'true' })).toBe(true);
  expect(isGitHubWorkflow({ GITHUB_ACTIONS: 'false' })).toBe(false);
  expect(isGitHubWorkflow({ CI: 'true' })).toBe(false);
});

test('a problem of the config must be annotated at its line and column', () => {
  const problem = { file: '/srv/a,b.yaml', line: 7, column: 5, key: 'workers.mail.count' };
  expect(annotationOf({ ...problem, expected: '1%', found: '"x"', hint: 'a: b' })).toBe(
    '::error file=/srv/a%2Cb.yaml,line=7,col=5::workers.mail.count: expected 1%25, found "x"; a: b\n',
  );
});
