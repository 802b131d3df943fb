import { describe, expect, test } from 'vitest';
import { hideSecrets, looksSecret, withoutSecrets } from '../../../src/core/basics/secrets.ts';

test.each([
  ['DB_PASSWORD', 'x'],
  ['API_TOKEN', 'x'],
  ['aws_secret_access_key', 'x'],
  ['SENTRY_DSN', 'x'],
  ['RAILS_MASTER_KEY', 'x'],
  ['DATABASE_URL', 'postgres://app:hunter2@db/app'],
  ['PLAIN', 'ghp_0123456789abcdefghijABCDEFGHIJ012345'],
  ['CERT', '-----BEGIN RSA PRIVATE KEY-----'],
])('%s=%s must look secret', (name, value) => {
  expect(looksSecret(name, value)).toBe(true);
});

test.each([
  ['PATH', '/usr/bin:/bin'],
  ['KEYBOARD', 'de'],
  ['AUTHOR', 'me'],
  ['PASSENGER_ROOT', '/usr/lib'],
  ['REDIS_URL', 'redis://localhost:6379/0'],
  ['TURKEY', '1'],
])('%s=%s must not', (name, value) => {
  expect(looksSecret(name, value)).toBe(false);
});

describe('of a command line the secrets must be hidden, and nothing else:', () => {
  test.each([
    ['run --password=abc --queue mail', 'run --password=(hidden) --queue mail'],
    ['run --api-key abc mail', 'run --api-key (hidden) mail'],
    [`A=1 DB_PASS='a b' run`, 'A=1 DB_PASS=(hidden) run'],
    ['run amqp://u:p@q/v x', 'run amqp://u:(hidden)@q/v x'],
    ['node w.js --token-file /x', 'node w.js --token-file (hidden)'],
    ['bundle exec rake jobs:work', 'bundle exec rake jobs:work'],
  ])('%s', (text, shown) => {
    expect(withoutSecrets(text)).toBe(shown);
  });
});

test('of a config those in env, in commands and in URLs must be hidden', () => {
  const worker = {
    command: ['run', '--token', 'abc', '-q', 'mail', 'redis://:pw@r/0'],
    env: { API_KEY: 'x', RAILS_ENV: 'production', N: 1 },
    pass_env: ['API_KEY'],
    count: 2,
  };
  expect(hideSecrets({ workers: { token: worker } })).toEqual({
    workers: {
      token: {
        ...worker,
        command: ['run', '--token', '(hidden)', '-q', 'mail', 'redis://:(hidden)@r/0'],
        env: { API_KEY: '(hidden)', RAILS_ENV: 'production', N: 1 },
      },
    },
  });
});
