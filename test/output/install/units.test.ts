import { expect, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import { formatBootcheckService } from '../../../src/output/install/systemd-timer.ts';
import { formatWatchUnit } from '../../../src/output/install/systemd-unit.ts';

const facts = {
  program: ['/n', '/a b/$x%i'],
  config: '/a%b',
  configWords: ['--config', '/a%b'],
  user: { name: 'me', uid: 1000 },
  paths: ['/a b/c%d', '/srv/$x'],
  after: ['vpn.service'],
  longestJob: durationOf(90_500),
  keepsWorkers: false,
  delegates: false,
};

test('units must quote what systemd would interpret', () => {
  const text = formatWatchUnit(facts);
  expect(text).toContain('ExecStart=/n "/a b/$$x%%i" watch --stop-on-exit --config /a%%b\n');
  expect(text).toContain('RequiresMountsFor="/a b/c%%d" /srv/$x\n');
  expect(formatBootcheckService({ ...facts, configWords: ['--config', '/a\nb"\\'] })).toContain(
    '--config "/a\\nb\\"\\\\"\n',
  );
});

test('a user whose workers need control groups must be delegated one', () => {
  expect(formatWatchUnit(facts)).not.toContain('Delegate');
  expect(formatWatchUnit({ ...facts, delegates: true })).toContain('\nDelegate=yes\n');
});

test('a drain may take as long as the longest job, in whole seconds', () => {
  expect(formatWatchUnit(facts)).toContain('\nTimeoutStopSec=91\n');
  expect(formatWatchUnit({ ...facts, longestJob: undefined })).toContain(
    '\nTimeoutStopSec=infinity\n',
  );
});

test('the unit of a user must name no user, no mount and no unit of the system', () => {
  const text = formatWatchUnit({ ...facts, user: undefined });
  expect(text).not.toMatch(/^(?:User|RequiresMountsFor|Before)=/m);
  expect(text.match(/^(?:After|Wants)=.*$/gm)).toEqual([
    'Wants=workerctl.slice',
    'After=workerctl.slice',
  ]);
  expect(text).toContain('\nWantedBy=default.target\n');
});

test('with workers that are kept, only a shutdown must drain', () => {
  const text = formatWatchUnit({ ...facts, keepsWorkers: true });
  expect(text).toMatch(/^ExecStart=.* watch --config /m);
  expect(text).toMatch(
    /^ExecStop=\/bin\/sh -c "case .* stopping\) .* stop --until-boot --config /m,
  );
  expect(text).toMatch(/^After=.*\bdbus\.service\b/m);
});
