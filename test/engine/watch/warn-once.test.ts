import { expect, test } from 'vitest';
import { createWarnOnce } from '../../../src/engine/watch/warn-once.ts';
import type { Context } from '../../../src/engine/session.ts';
import { formatEvent } from '../../../src/core/events/event.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { alive, observation } from '../../core/builders.ts';

function hearing(): { context: Context; heard: string[] } {
  const heard: string[] = [];
  const context = { report: (event) => heard.push(formatEvent(event)) } as Partial<Context>;
  return { context: context as Context, heard };
}

const ill = (name: string, ...problems: string[]): ObservedInstance => ({
  ...alive(name, 71),
  problems,
});

test('a problem must be reported once for each instance and text, and again when it has come back', () => {
  const { context, heard } = hearing();
  const complaints = createWarnOnce();
  const told = complaints.once(context);
  const look = (...seen: ObservedInstance[]): string[] => {
    complaints.see(told, observation(...seen));
    return heard.splice(0);
  };
  expect(look(ill('mail.1', 'a'), alive('mail.2', 72))).toEqual(['mail.1: a']);
  expect(look(ill('mail.1', 'a'), ill('mail.2', 'a'))).toEqual(['mail.2: a']);
  expect(look(ill('mail.1', 'a', 'b'), ill('mail.2', 'a'))).toEqual(['mail.1: b']);
  expect(look(alive('mail.1', 71), ill('mail.2', 'a'))).toEqual([]);
  expect(look(ill('mail.1', 'a'), ill('mail.2', 'a'))).toEqual(['mail.1: a']);
});

test('what a pass reports of the same problem must not be reported again, other events always', () => {
  const { context, heard } = hearing();
  const complaints = createWarnOnce();
  const told = complaints.once(context);
  const warn = {
    kind: 'warning',
    problem: 'a',
    at: observation().now,
    instance: 'mail.1',
  } as const;
  complaints.see(told, observation(ill('mail.1', 'a')));
  told.report(warn);
  told.report({ ...warn, problem: 'b' });
  told.report({ ...warn, kind: 'pidfile_removed', cause: 'c' });
  told.report({ ...warn, kind: 'pidfile_removed', cause: 'c' });
  expect(heard).toEqual([
    'mail.1: a',
    'mail.1: b',
    'mail.1: pidfile removed: c',
    'mail.1: pidfile removed: c',
  ]);
});
