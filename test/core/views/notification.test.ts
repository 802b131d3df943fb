import { expect, test } from 'vitest';
import { headersIn, webhookRequest } from '../../../src/core/protocols/webhook-request.ts';
import { retryPause } from '../../../src/core/rules/retry-pause.ts';
import { notificationJson, notificationOf } from '../../../src/core/views/notification.ts';

const eventOf = (text: string, more: object = {}) => ({
  id: `died.${text.length}`,
  occasion: 'died' as const,
  event: { schema: 2, kind: 'died', instance: 'mail.1', level: 'error', text, ...more },
});

const messageOf = (...texts: string[]) =>
  notificationOf(
    { host: 'web1', config: '/srv/workerctl.yaml' },
    texts.map((text) => eventOf(text, { log: ['s3cr3t'] })),
    0,
  );

test.each([
  ['line breaks', 'died\r\nBcc: all@example.com\n\nhello'],
  ['escape sequences', 'died \u001b[31m\u0007now\u202e'],
  ['much text', 'x'.repeat(100_000)],
])('a subject must be one short line: %s', (_, text) => {
  const { subject, text: whole } = messageOf(text, text);
  expect(subject).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(subject.length).toBeLessThan(1000);
  expect(whole.split('\n')).toHaveLength(2);
});

test('the level must be that of the worst event, and what was missed be said', () => {
  const events = [eventOf('a', { level: 'info' }), eventOf('b', { level: 'warning' })];
  const message = notificationOf({ host: 'web1', config: '/c' }, events, 7);
  expect(message.level).toBe('warning');
  expect(message.text).toMatch(/\n7 more could not be kept/);
  expect(notificationJson(message)).toMatchObject({ missed_events: 7 });
});

test('lines of logs must not leave the host', () => {
  const message = messageOf('died');
  for (const format of ['json', 'slack', 'sentry'] as const)
    expect(
      JSON.stringify(webhookRequest(format, 'https://key@sentry.invalid/42', message, 'e')),
    ).not.toContain('s3cr3t');
});

test('the markup of Slack must be escaped', () => {
  const request = webhookRequest(
    'slack',
    'https://hooks.invalid/x',
    messageOf('<!channel> a&b'),
    '',
  );
  expect(request).toMatchObject({
    body: '{"text":"web1: mail.1: &lt;!channel&gt; a&amp;b"}',
  });
});

test.each([
  ['hooks.slack.com/services'],
  ['http://hooks.invalid/x'],
  ['ftp://hooks.invalid/x'],
  ['file:///etc/passwd'],
  ['http://127.0.0.1.invalid/'],
  ['s3cr3t'],
])('an address that is not safe must be refused without showing it: %s', (secret) => {
  const request = webhookRequest('json', secret, messageOf('died'), '');
  expect(Object.keys(request)).toEqual(['problem']);
  expect(JSON.stringify(request)).not.toContain(secret);
});

test.each([['http://127.0.0.1:9/x'], ['http://localhost/x'], ['http://[::1]:9/x']])(
  'http must be allowed to the host itself: %s',
  (secret) => {
    expect(webhookRequest('json', secret, messageOf('died'), '')).toMatchObject({ url: secret });
  },
);

test('headers must be lines, and what is none be refused by its number alone', () => {
  expect(headersIn('# a\n\nAuthorization: Bearer x\r\nX-A:b\n')).toEqual({
    headers: { authorization: 'Bearer x', 'x-a': 'b' },
  });
  expect(headersIn('A: b\nBearer s3cr3t')).toEqual({
    problem: 'line 2 of its headers is not "Name: value"',
  });
});

test('pauses must grow from 5 s to 15 min', () => {
  expect([1, 2, 3, 8, 9, 100].map(retryPause)).toEqual([
    5_000, 10_000, 20_000, 640_000, 900_000, 900_000,
  ]);
});
