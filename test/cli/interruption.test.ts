import { afterEach, expect, test, vi } from 'vitest';
import { interruption } from '../../src/cli/interruption.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test.each<[NodeJS.Signals[], number, number[]]>([
  [['SIGINT'], 130, []],
  [['SIGINT', 'SIGINT'], 130, [130]],
  [['SIGINT', 'SIGTERM'], 130, [143]],
  // The kernel hangs up what runs at a closed terminal, and so does the shell.
  [['SIGHUP', 'SIGHUP'], 129, []],
  [['SIGTERM', 'SIGHUP'], 143, []],
  [['SIGHUP', 'SIGTERM'], 129, [143]],
])('%j must end the waiting with %i, and the process at once with %j', (names, code, exits) => {
  const exited: unknown[] = [];
  vi.spyOn(process, 'exit').mockImplementation((status) => {
    exited.push(status);
    return undefined as never;
  });
  const one = interruption();
  for (const name of names) process.emit(name, name);
  expect({ code: one.exitCode(), isOver: one.signal.aborted }).toEqual({ code, isOver: true });
  expect(exited).toEqual(exits);
  one.dispose();
});
