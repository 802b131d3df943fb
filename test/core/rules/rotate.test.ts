import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { formatPlan } from '../../../src/core/model/plan.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import { aConfig, alive, aWorker, observation, planned, retiring, seconds } from '../builders.ts';

const megabyte = 1024 ** 2;
const rotated: Worker['log'] = { kind: 'rotated', maxSize: 100 * megabyte, keep: 5 };

const withLog = (observed: ObservedInstance, size: number): ObservedInstance => ({
  ...observed,
  log: { path: `/log/${observed.name}.log`, size },
});

function planOf(worker: Worker, ...all: ObservedInstance[]): string {
  return formatPlan(planned(aConfig(worker), noDesired, observation(...all)));
}

describe('a log with a limit', () => {
  const mail = aWorker('mail', ['1'], { log: rotated });

  test('must be rotated when it is longer', () => {
    expect(planOf(mail, withLog(alive('mail.1', 7), 104.2 * megabyte))).toBe(
      'rotate the log of mail.1: it has 104MB (limit 100MB)\n',
    );
  });

  test('must be left alone up to the limit, and if it was not measured', () => {
    expect(planOf(mail, withLog(alive('mail.1', 7), 100 * megabyte))).toBe('');
    expect(planOf(mail, alive('mail.1', 7))).toBe('');
  });

  test('must be left alone without a limit in the config', () => {
    expect(planOf(aWorker('mail', ['1']), withLog(alive('mail.1', 7), 1e12))).toBe('');
  });

  test('must be left alone while its process is starting: its lines are looked for', () => {
    const young = alive('mail.1', 7, { age: seconds(3) });
    const log = aWorker('mail', ['1'], {
      log: rotated,
      ready: { kind: 'log', pattern: 'up', timeout: seconds(60) },
    });
    expect(planOf(log, withLog(young, 1e9))).toBe('');
    const old = alive('mail.1', 7, { age: seconds(61) });
    expect(planOf(log, withLog(old, 1e9))).toContain('rotate the log of mail.1');
  });

  test('must be the file that its process writes to, if it has lost the one at its path', () => {
    const path = '/log/mail.1.log';
    const lost = { path, pid: 7, file: '8:1', open: '/proc/7/fd/1', isReplaced: false };
    const observed = { ...alive('mail.1', 7), log: { path, size: 1e9, lost } };
    expect(planned(aConfig(mail), noDesired, observation(observed))).toMatchObject([
      { kind: 'rotate', path, lost: { open: '/proc/7/fd/1', file: '8:1' } },
    ]);
    const hidden = { path, pid: 7, file: '8:1', isReplaced: false };
    const seen = { ...observed, log: { path, size: 1e9, lost: hidden } };
    const [rotation] = planned(aConfig(mail), noDesired, observation(seen));
    expect(rotation).not.toHaveProperty('lost');
    const old = { ...retiring('mail.1', 3), log: { path, size: 1e9 } };
    expect(planned(aConfig(mail), noDesired, observation(observed, old))).toHaveLength(2);
  });

  test('must be rotated once for a process and an old one that leaves beside it', () => {
    const old = withLog(retiring('mail.1', 3), 1e9);
    expect(planOf(mail, withLog(alive('mail.1', 7), 1e9), old).match(/rotate/g)).toHaveLength(1);
    const young = withLog(alive('mail.1', 7, { age: seconds(0) }), 1e9);
    expect(planOf(mail, young, old)).not.toContain('rotate');
  });
});
