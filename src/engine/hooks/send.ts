import { dirname } from 'node:path';
import { withoutSecrets } from '../../core/basics/secrets.ts';
import type { Config, NotifyPolicy, Webhook } from '../../core/model/config.ts';
import { headersIn, webhookRequest } from '../../core/protocols/webhook-request.ts';
import { notificationJson, type Notification } from '../../core/views/notification.ts';
import { digest } from '../../host/files/crypto.ts';
import { readSecret } from '../../host/files/secret.ts';
import { problemOf, runProgram } from '../../host/process/run-program.ts';
import { post } from '../../host/sockets/post.ts';
import { buildEnvironment } from '../../host/worker/environment.ts';

/** Why a message was not delivered; its words hold no secret. */
export interface Failure {
  readonly problem: string;
  /** In seconds: the server wants no further request before. */
  readonly retryAfter?: number;
}

/** One attempt to deliver a message; undefined: it succeeded. */
export async function send(
  config: Config,
  notify: NotifyPolicy,
  message: Notification,
): Promise<Failure | undefined> {
  const { webhook, command } = notify;
  if (webhook !== undefined) return sendTo(webhook, notify, message);
  return command === undefined ? undefined : run(config, command, notify, message);
}

async function sendTo(
  { url, headers, format }: Webhook,
  { timeout }: NotifyPolicy,
  message: Notification,
): Promise<Failure | undefined> {
  const secret = readSecret(url, 'notify.webhook.url');
  if (secret.kind === 'unknown') return secret;
  const lines = headers && readSecret(headers, 'notify.webhook.headers');
  if (lines?.kind === 'unknown') return lines;
  const further = headersIn(lines?.text ?? '');
  const request = webhookRequest(format, secret.text, message, eventIdOf(message));
  if ('problem' in further) return named(further);
  if ('problem' in request) return named(request);
  const refused = await post(
    { ...request, headers: { ...request.headers, ...further.headers } },
    timeout,
  );
  return refused && named(refused);
}

const named = (failure: Failure): Failure => ({
  ...failure,
  problem: `notify.webhook: ${failure.problem}`,
});

/** The same for the same events: a server that knows it drops what comes twice. */
const eventIdOf = ({ host, config, events }: Notification): string =>
  digest(JSON.stringify([host, config, events.map(({ id }) => id)]), 32);

async function run(
  { path }: Config,
  command: readonly string[],
  { timeout }: NotifyPolicy,
  message: Notification,
): Promise<Failure | undefined> {
  const { end, lastLines } = await runProgram({
    command,
    directory: dirname(path),
    environment: {
      ...buildEnvironment({ envFiles: [], env: {}, passEnv: [] }, process.env),
      WORKERCTL_HOOK: 'notify',
      WORKERCTL_SUBJECT: message.subject,
      WORKERCTL_TEXT: message.text,
      WORKERCTL_LEVEL: message.level,
    },
    input: `${JSON.stringify(notificationJson(message))}\n`,
    timeout,
  });
  const problem = problemOf(end);
  if (problem === undefined) return undefined;
  const said = withoutSecrets(lastLines.at(-1) ?? '').slice(0, 200);
  return { problem: `notify.command: ${problem}${said === '' ? '' : `: ${said}`}` };
}
