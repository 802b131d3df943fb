import { describe, expect, test } from 'vitest';
import { bootcheckLines, withBootcheck } from '../../../src/core/protocols/crontab.ts';

const config = '/srv/app/workerctl.yaml';
const commandOf = (node: string): string[] => [
  node,
  '/opt/workerctl',
  'bootcheck',
  '--config',
  config,
];

test('a word must come back from cron and sh as it was', () => {
  expect(bootcheckLines(['/a b/node', "it's", '50%'])[0]).toBe(
    String.raw`* * * * * '/a b/node' 'it'\''s' 50\%`,
  );
});

describe('a crontab', () => {
  const ours = bootcheckLines(commandOf('/usr/bin/node'))
    .map((line) => `${line}\n`)
    .join('');

  test('must keep other lines', () => {
    const others = '# my jobs\nMAILTO=me\n0 3 * * * backup --config /srv/app/workerctl.yaml\n';
    expect(withBootcheck(others, commandOf('/usr/bin/node'), config)).toBe(others + ours);
  });

  test('must end a last line that has no newline', () => {
    expect(withBootcheck('0 3 * * * backup', commandOf('/usr/bin/node'), config)).toBe(
      `0 3 * * * backup\n${ours}`,
    );
  });

  test('must not change if it is done again', () => {
    const once = withBootcheck('', commandOf('/usr/bin/node'), config);
    expect(once).toBe(ours);
    expect(withBootcheck(once, commandOf('/usr/bin/node'), config)).toBe(once);
  });

  test('must get the new lines in place of those of another node, but only for this config', () => {
    const trusting = `* * * * * /usr/bin/node /opt/workerctl bootcheck --trust-config ${config}\n`;
    expect(withBootcheck(trusting, commandOf('/usr/bin/node'), config)).toBe(ours);
    const other = '* * * * * /old/node /opt/workerctl bootcheck --config /srv/other.yaml\n';
    const old = withBootcheck(other, commandOf('/old/node'), config);
    expect(withBootcheck(old, commandOf('/usr/bin/node'), config)).toBe(other + ours);
  });
});
