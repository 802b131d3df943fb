import { expect, test } from 'vitest';
import { configWarnings } from '../../src/config/host-warnings.ts';
import { workerPath } from '../../src/core/model/launch.ts';
import { aConfig, aWorker } from '../core/builders.ts';

const warnings = (logFile: string, hasSystemd: boolean, isPiped = false): string[] => {
  const log = { kind: 'piped', command: ['cat'] } as const;
  const worker = aWorker('mail', ['1'], { logFile, ...(isPiped && { log }) });
  const host = { name: 'h', path: workerPath, hasSystemd };
  return configWarnings(aConfig(worker), host).filter((text) => text.includes('log.file'));
};

test.each(['/dev/stdout', '/dev/stderr', '/dev/fd/1', '/proc/self/fd/2'])(
  '%s as a log must be warned of where systemd runs, because it is a socket there',
  (file) => {
    expect(warnings(file, true)).toHaveLength(1);
    expect(warnings(file, true)[0]).toContain('systemd-cat -t %n');
    expect(warnings(file, false)).toEqual([]);
    expect(warnings(file, true, true)).toEqual([]);
  },
);

test.each(['/var/log/stdout', '/proc/1/fd/1', '/dev/null'])('%s must not be warned of', (file) => {
  expect(warnings(file, true)).toEqual([]);
});
