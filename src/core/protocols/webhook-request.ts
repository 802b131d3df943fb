import { notificationJson, type Notification } from '../views/notification.ts';
import type { WebhookFormat } from '../model/config.ts';

/** What is sent by POST. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request cannot be made of what was found; `problem` does not show any of it. */
export interface NoRequest {
  readonly problem: string;
}

/**
 * The request by which a webhook gets a message.
 * @param secret the address, or the DSN of Sentry
 * @param eventId names the message for Sentry: 32 hex digits
 */
export function webhookRequest(
  format: WebhookFormat,
  secret: string,
  message: Notification,
  eventId: string,
): WebhookRequest | NoRequest {
  const url = addressIn(secret);
  if (!(url instanceof URL)) return url;
  const json = { 'content-type': 'application/json' };
  switch (format) {
    case 'json':
      return { url: url.href, headers: json, body: JSON.stringify(notificationJson(message)) };
    case 'slack':
      return {
        url: url.href,
        headers: json,
        body: JSON.stringify({ text: escaped(message.text) }),
      };
    case 'sentry':
      return sentryRequest(url, message, eventId);
  }
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

function addressIn(secret: string): URL | NoRequest {
  const url = URL.canParse(secret) ? new URL(secret) : undefined;
  if (url === undefined) return { problem: 'its url is no address' };
  const isSafe =
    url.protocol === 'https:' || (url.protocol === 'http:' && loopback.test(url.hostname));
  if (isSafe) return url;
  return { problem: 'its url is neither https, nor http to the host itself' };
}

/** Source: https://api.slack.com/reference/surfaces/formatting#escaping */
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * An envelope with one event.
 * Source: https://develop.sentry.dev/sdk/data-model/envelopes/ and https://develop.sentry.dev/sdk/overview/#parsing-the-dsn
 */
function sentryRequest(
  dsn: URL,
  message: Notification,
  eventId: string,
): WebhookRequest | NoRequest {
  const path = dsn.pathname.split('/');
  const project = path.pop() ?? '';
  if (dsn.username === '' || project === '')
    return { problem: 'its url is no DSN (https://KEY@HOST/PROJECT)' };
  const { text, subject, level, host, events } = message;
  const event = {
    event_id: eventId,
    timestamp: events.at(-1)?.event['at'],
    platform: 'other',
    logger: 'workerctl',
    level,
    server_name: host,
    message: { formatted: text },
    tags: { occasion: events[0]?.occasion, worker: events[0]?.event['instance'] },
    extra: { subject, notification: notificationJson(message) },
  };
  return {
    url: `${dsn.protocol}//${dsn.host}${path.join('/')}/api/${project}/envelope/`,
    headers: {
      'content-type': 'application/x-sentry-envelope',
      'x-sentry-auth': `Sentry sentry_version=7, sentry_client=workerctl/1, sentry_key=${dsn.username}`,
    },
    body: [{ event_id: eventId }, { type: 'event' }, event]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  };
}

/** The headers in `Name: value` lines; empty lines and those that begin with # mean nothing. */
export function headersIn(text: string): Pick<WebhookRequest, 'headers'> | NoRequest {
  const lines = text.split('\n').map((line) => line.trim());
  const headers: Record<string, string> = {};
  for (const [index, line] of lines.entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*([\x20-\x7E]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      return { problem: `line ${index + 1} of its headers is not "Name: value"` };
    headers[name.toLowerCase()] = value;
  }
  return { headers };
}
