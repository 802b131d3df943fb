import { formatDuration, type Duration } from '../../core/basics/time.ts';
import type { WebhookRequest } from '../../core/protocols/webhook-request.ts';

/** Why a message was not taken; its words never hold an address or another secret. */
export interface Refused {
  readonly problem: string;
  /** How many seconds the server wants to be left alone. */
  readonly retryAfter?: number;
}

/**
 * Sends a request by POST; undefined if the answer is 2xx. The certificate is checked, whatever the environment says;
 * redirections are not followed, since the secrets are for one server only.
 */
export async function post(
  { url, headers, body }: WebhookRequest,
  timeout: Duration,
): Promise<Refused | undefined> {
  delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  const signal = AbortSignal.timeout(timeout);
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
    await answer.body?.cancel();
    if (answer.ok) return undefined;
    const after = Number(answer.headers.get('retry-after'));
    const problem =
      answer.status >= 300 && answer.status < 400
        ? `the server answered ${answer.status}: redirections are not followed`
        : `the server answered ${answer.status}`;
    return after > 0 ? { problem, retryAfter: after } : { problem };
  } catch (error) {
    if (signal.aborted) return { problem: `no answer within ${formatDuration(timeout)}` };
    return { problem: wordsOf(error) };
  }
}

/** The texts of these errors may name the server, so that only their codes are used. */
function wordsOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = codeOf(cause);
  if (code === undefined) return 'the request could not be made';
  return certificateCode.test(code)
    ? `its certificate is not trusted (${code}); for a CA of your own: NODE_EXTRA_CA_CERTS`
    : `no connection (${code})`;
}

const certificateCode = /CERT|ISSUER|CRL|SELF_SIGNED|CA_/;

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'errors' in error && Array.isArray(error.errors) ? codeOf(error.errors[0]) : undefined;
}
