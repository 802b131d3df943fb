// What Slack and Sentry accept, as they document it: the status that they answer a request with.
import type { Received } from './inbox.ts';

const objectIn = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ...value }
      : undefined;
  } catch {
    return undefined;
  }
};

/**
 * `invalid_payload` or `no_text`: 400. A text of more than 40,000 characters is cut off.
 * Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
export function slackAnswer({ body, headers }: Received): number {
  const { text } = objectIn(body) ?? {};
  const isJson = headers['content-type']?.startsWith('application/json') === true;
  return isJson && typeof text === 'string' && text !== '' && text.length <= 40_000 ? 200 : 400;
}

const levels: readonly unknown[] = ['fatal', 'error', 'warning', 'info', 'debug'];

/** Source: https://develop.sentry.dev/sdk/data-model/event-payloads/ */
const isEvent = (event: Readonly<Record<string, unknown>>): boolean =>
  /^[0-9a-f]{32}$/.test(String(event['event_id'])) &&
  !Number.isNaN(Date.parse(String(event['timestamp']))) &&
  event['platform'] === 'other' &&
  levels.includes(event['level']) &&
  areTags(event['tags']);

const areTags = (tags: unknown): boolean =>
  Object.entries(tags ?? {}).every(
    ([key, value]) =>
      /^[\w.:-]{1,32}$/.test(key) &&
      typeof value === 'string' &&
      value.length <= 200 &&
      !value.includes('\n'),
  );

/**
 * 403 without the key of the project, 400 for what is no envelope with one event: a line of JSON each for the envelope, the
 * item and its payload, which ends with its line if its item has no length.
 * Source: https://develop.sentry.dev/sdk/data-model/envelopes/
 */
export const sentryAnswer =
  (project: string, key: string) =>
  ({ path, headers, body }: Received): number => {
    if (path !== `/api/${project}/envelope/`) return 404;
    const auth = String(headers['x-sentry-auth']);
    if (!new RegExp(`^Sentry .*sentry_version=7\\b.*sentry_key=${key}$`).test(auth)) return 403;
    const lines = body.replace(/\n$/, '').split('\n').map(objectIn);
    const [envelope, item, event] = lines;
    const isWhole =
      lines.length === 3 &&
      item?.['type'] === 'event' &&
      event !== undefined &&
      envelope?.['event_id'] === event['event_id'];
    return isWhole && isEvent(event) ? 200 : 400;
  };
