import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpAnswer } from '../../host/sockets/http-server.ts';
import { api, failure, probeAnswer, refusal } from './api.ts';
import type { Live } from './live.ts';
import type { PageHost } from './place.ts';

/** Answers a request that is admitted. */
export async function answerTo(
  host: PageHost,
  live: Live,
  { pathname, searchParams }: URL,
): Promise<HttpAnswer> {
  const command = /^\/api\/([a-z]+)$/.exec(pathname)?.[1] ?? '';
  if (Object.hasOwn(api, command)) return apiAnswer(host, command, searchParams);
  switch (pathname) {
    case '/healthz':
      return probeAnswer(host.problem() === undefined);
    case '/readyz':
      return probeAnswer(await live.isReady());
    case '/metrics':
      return {
        status: 200,
        text: await host.metrics(),
        type: 'text/plain; version=0.0.4; charset=utf-8',
      };
    case '/page.js':
      return { status: 200, text: asset('page.js'), type: 'text/javascript; charset=utf-8' };
    case '/page.css':
      return { status: 200, text: asset('page.css'), type: 'text/css; charset=utf-8' };
    default:
      return pageAnswer(live, pathname);
  }
}

async function apiAnswer(
  host: PageHost,
  command: string,
  search: URLSearchParams,
): Promise<HttpAnswer> {
  try {
    return (await api[command]?.(await host.place(), search)) ?? notFound;
  } catch (error) {
    return failure(error);
  }
}

/** `/`, or `/instance/mail.1`. */
async function pageAnswer(live: Live, pathname: string): Promise<HttpAnswer> {
  const instance = /^\/instance\/([^/]+)$/.exec(pathname)?.[1];
  const name = instance === undefined ? undefined : decoded(instance);
  if (pathname !== '/' && name === undefined) return notFound;
  const view = await live.view(name);
  const { renderPage } = await import('workerctl-page');
  return {
    status: view.focus?.isUnknown === true ? 404 : 200,
    text: renderPage(view),
    type: 'text/html; charset=utf-8',
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // `%zz`
  }
}

const asset = (name: string): Buffer => readFileSync(join(__dirname, name));

const notFound = refusal(
  404,
  'there is no such page',
  '/, /api/status, /metrics, /healthz, /readyz',
);
