import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { HttpAnswer } from '../../host/sockets/http-server.ts';

/** Less is sent in one packet anyhow. */
const leastBytes = 1_400;

const forBrowsers = /^text\/(?:html|css|javascript)/;

/** An answer for a browser, smaller if that can read it: a page with 200 instances is a tenth of its size then. */
export function compressed(answer: HttpAnswer, { headers }: IncomingMessage): HttpAnswer {
  const { text, type = '' } = answer;
  if (!forBrowsers.test(type) || text.length < leastBytes) return answer;
  const varied = { ...answer.headers, Vary: 'Accept-Encoding' };
  if (!readsGzip(headers['accept-encoding'])) return { ...answer, headers: varied };
  return {
    ...answer,
    text: gzipSync(text),
    headers: { ...varied, 'Content-Encoding': 'gzip' },
  };
}

/** Source: RFC 9110, section 12.5.3; a weight of 0 forbids it. */
const readsGzip = (accepted: string | readonly string[] = ''): boolean =>
  String(accepted)
    .split(',')
    .some((coding) => {
      const [name, weight = '1'] = coding
        .trim()
        .toLowerCase()
        .split(/\s*;\s*q=/);
      return name === 'gzip' && Number(weight) > 0;
    });
