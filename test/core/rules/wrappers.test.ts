import { expect, test } from 'vitest';
import { wrapperWarning } from '../../../src/core/rules/wrappers.ts';

const warningOf = (command: readonly string[], to?: 'session'): string | undefined =>
  wrapperWarning({ command, stop: { signal: 'TERM', ...(to && { to }) } });

test.each([
  ['cd app && worker', '[sh, -c, "cd app && exec worker"]'],
  ['worker & wait', '[sh, -c, "exec worker"]'],
  ['worker 2>&1 | tee log', '[sh, -c, "exec worker 2>&1"]'],
  ['. ./env; worker --name "a && b"', '[sh, -c, ". ./env; exec worker --name \\"a && b\\""]'],
  ['worker', '[sh, -c, "exec worker"]'],
  ['cd app && worker;', '[sh, -c, "cd app && exec worker"]'],
])('sh -c %j must be recognised, with the better line', (script, line) => {
  expect(warningOf(['sh', '-c', script])).toContain(`write ${line}`);
  expect(warningOf(['/bin/bash', '-lc', script])).toContain('stop.to: session');
  expect(warningOf(['sh', '-c', script], 'session')).toBeUndefined();
});

test.each([
  [['bash', '-lc', 'rake work'], '[bash, -lc, "exec rake work"]'],
  [['sh', '-ec', 'cd app; work'], '[sh, -ec, "cd app; exec work"]'],
  [['nice', '-n', '5', 'sh', '-c', 'work'], '[nice, -n, "5", sh, -c, "exec work"]'],
  [['/usr/bin/env', 'A=1', 'sh', '-c', 'a | b'], '[/usr/bin/env, "A=1", sh, -c, "exec a"]'],
  [['env', 'A=1', 'nohup', 'npm', 'start'], '[node, worker.js]'],
])('the better line for %j must keep what is before the script', (command, line) => {
  expect(warningOf(command)).toContain('write ');
  expect(warningOf(command)).toContain(line);
});

test.each(['npm', 'npx', 'yarn', '/usr/bin/pnpm'])('%s must be recognised', (program) => {
  expect(warningOf([program, 'run', 'worker'])).toContain('[node, worker.js]');
  expect(warningOf([program, 'run', 'worker'], 'session')).toBeUndefined();
});

test.each([
  [['sh', '-c', 'cd app && exec worker']],
  [['sh', '-c', 'exec worker "a | b" >log 2>&1']],
  [['sh', 'worker.sh']],
  [['bin/worker', '-c', 'a & b']],
  [['bundle', 'exec', 'sidekiq']],
  [['nice', '-n', '5', 'bundle', 'exec', 'sidekiq']],
  [['env']],
])('%j must be left alone', (command) => {
  expect(warningOf(command)).toBeUndefined();
});

test.each([
  [['celery', '-A', 'app', 'worker']],
  [['bundle', 'exec', 'sidekiq']],
  [['python', '-m', 'celery']],
  [['sh', '-c', 'cd app && exec venv/bin/gunicorn app']],
  [['bin/puma']],
  [['rq', 'worker']],
])('%j must not be asked with its children', (command) => {
  expect(warningOf(command, 'session')).toContain('leave stop.to out');
});
