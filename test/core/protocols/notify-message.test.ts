import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fieldsOfOthers,
  ownWatchdogInterval,
  parseNotifyMessage,
} from '../../../src/core/protocols/notify-message.ts';

describe('a datagram', () => {
  test.each([
    ['READY=1', { ready: true }],
    ['STOPPING=1', { stopping: true }],
    ['RELOADING=1\nMONOTONIC_USEC=123', { reloading: true }],
    ['WATCHDOG=1', { watchdog: 'alive' }],
    ['WATCHDOG=trigger', { watchdog: 'trigger' }],
    ['WATCHDOG_USEC=20000000', { watchdogInterval: 20_000 }],
    ['EXTEND_TIMEOUT_USEC=1500', { extendTimeout: 1.5 }],
    ['STATUS=job 212', { status: 'job 212' }],
    ['STATUS=', { status: '' }],
    ['STATUS=a=b', { status: 'a=b' }],
    ['MAINPID=4711', { mainPid: 4711 }],
    ['ERRNO=2', { errno: 2 }],
    ['READY=1\nSTATUS=Gunicorn arbiter booted', { ready: true, status: 'Gunicorn arbiter booted' }],
    ['READY=1\n', { ready: true }],
    ['READY=1\0', { ready: true }],
  ])('%j must be understood', (text, fields) => {
    expect(parseNotifyMessage(text)).toEqual(fields);
  });

  test.each([
    '',
    '\n\n',
    '=1',
    'READY',
    'READY=0',
    'READY=11',
    'ready=1',
    ' READY=1',
    'READY=1\r',
    'READY=1\0STOPPING=1',
    'READY=1\nSTATUS=a\0b',
    'WATCHDOG=0',
    'WATCHDOG_USEC=0',
    'WATCHDOG_USEC=-5',
    'MAINPID=0',
    'MAINPID=-1',
    'MAINPID=1e3',
    'MAINPID=4194305',
    'MAINPID=99999999999999999999999',
    'ERRNO=99999',
    'BARRIER=1',
    'FDSTORE=1\nFDNAME=x',
    '__proto__=1\nconstructor=1',
  ])('%j must say nothing', (text) => {
    expect(parseNotifyMessage(text)).toEqual({});
  });

  test('must be read by its first line of each name', () => {
    expect(parseNotifyMessage('STATUS=a\nSTATUS=b\nREADY=0\nREADY=1')).toEqual({ status: 'a' });
  });

  test('of any bytes must yield harmless fields', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.nat().map(String), fc.constant('1'));
    const name = fc.constantFrom('STATUS', 'MAINPID', 'WATCHDOG', 'WATCHDOG_USEC', 'ERRNO', 'X');
    const lines = fc.array(fc.tuple(name, value).map((pair) => pair.join('=')));
    fc.assert(
      fc.property(
        fc.oneof(
          lines.map((all) => all.join('\n')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const { status = '', mainPid = 1, watchdogInterval = 1 } = parseNotifyMessage(text);
          expect(status).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
          expect(Array.from(status).length).toBeLessThanOrEqual(200);
          expect(Number.isSafeInteger(mainPid) && mainPid > 0).toBe(true);
          expect(watchdogInterval).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe('a status', () => {
  test('must be one line without control characters', () => {
    expect(parseNotifyMessage('STATUS=\x1b[31mred\x07\ttab\u202eback\u2028x')).toEqual({
      status: '[31mred  tab back x',
    });
  });

  test('must be cut by whole characters', () => {
    expect(parseNotifyMessage(`STATUS=${'😀'.repeat(300)}`)).toEqual({ status: '😀'.repeat(200) });
  });
});

test('only the main process itself must be able to name the main process', () => {
  expect(fieldsOfOthers({ ready: true, mainPid: 5 })).toEqual({ ready: true });
});

describe('our own watchdog', () => {
  test.each([
    [{}, undefined],
    [{ WATCHDOG_USEC: '30000000' }, 15_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '71' }, 15_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '70' }, undefined],
    [{ WATCHDOG_USEC: '0', WATCHDOG_PID: '71' }, undefined],
    [{ WATCHDOG_USEC: 'soon' }, undefined],
    [{ WATCHDOG_USEC: '10' }, 1],
  ])('with %j must get a sign of life every %s ms', (env, ms) => {
    expect(ownWatchdogInterval(env, 71)).toBe(ms);
  });
});
