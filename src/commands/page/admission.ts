import type { IncomingMessage } from 'node:http';
import { trustedUsers } from '../../host/files/trusted-path.ts';
import { isForeignRequest, isOwnHost } from '../../host/sockets/http-guard.ts';
import type { HttpAnswer } from '../../host/sockets/http-server.ts';
import type { HttpToken } from '../../host/sockets/http-token.ts';
import { peerUserOf } from '../../host/sockets/peer-user.ts';
import { refusal } from './api.ts';

/** What says no more than whether all is well, so that a probe needs no password. */
const isProbe = (path: string): boolean => path === '/healthz' || path === '/readyz';

/** What is the same for all who have workerctl. */
const isAsset = (path: string): boolean => path === '/page.js' || path === '/page.css';

/** Answers a request that is refused; undefined if it is admitted. */
export type Admit = (request: IncomingMessage, url: URL) => HttpAnswer | undefined;

/**
 * Decides who may see what. With a token, who knows it. Without one, processes of this host: of any user the metrics, of the
 * caller, root and the caller of sudo all the rest.
 * @param bound the host that the server listens on
 */
export function admission({
  bound,
  token,
}: {
  readonly bound: string;
  readonly token: HttpToken | undefined;
}): Admit {
  return (request, url) => {
    const { method = '' } = request;
    if (method !== 'GET' && method !== 'HEAD')
      return {
        ...refusal(405, `expected GET or HEAD, found ${JSON.stringify(method)}`),
        headers: { Allow: 'GET, HEAD' },
      };
    if (isProbe(url.pathname)) return undefined;
    if (token === undefined && !isOwnHost(request.headers.host, bound))
      return refusal(
        403,
        `expected a Host header that names this host by its address or as localhost, found ${JSON.stringify(request.headers.host ?? '')}`,
        'if a proxy stands before it, let it send the address as Host',
      );
    if (isForeignRequest(request.headers)) return refusal(403, 'another site has asked for this');
    if (isAsset(url.pathname)) return undefined;
    return token === undefined ? refuseUser(request, url) : refuseStranger(token, request, url);
  };
}

/** What the files of the state directory and the logs do not show to other users, the page does not either. */
function refuseUser({ socket }: IncomingMessage, { pathname }: URL): HttpAnswer | undefined {
  if (pathname === '/metrics') return undefined;
  const user = peerUserOf(socket);
  if (user !== undefined && trustedUsers().has(user)) return undefined;
  return refusal(
    403,
    `expected a process of user ${process.geteuid?.() ?? 0} or of root, found ${user === undefined ? 'an unknown one' : `one of user ${user}`}`,
    'other users need a token: --http-token FILE',
  );
}

function refuseStranger(
  token: HttpToken,
  request: IncomingMessage,
  url: URL,
): HttpAnswer | undefined {
  const given = url.searchParams.get('token');
  if (given !== null && token.is(given)) return loggedIn(url, token.cookie);
  if (given === null && token.isIn(request)) return undefined;
  const isPage = !url.pathname.startsWith('/api/') && url.pathname !== '/metrics';
  const refused = refusal(401, 'expected the token of --http-token', 'Authorization: Bearer TOKEN');
  return {
    ...refused,
    ...(isPage && { text: loginPage, type: 'text/html; charset=utf-8' }),
    headers: { 'WWW-Authenticate': 'Bearer' },
  };
}

/** The token does not stay in the address, where a history or a log would keep it. */
function loggedIn({ pathname, searchParams }: URL, cookie: string): HttpAnswer {
  const rest = new URLSearchParams(searchParams);
  rest.delete('token');
  const query = rest.toString();
  return {
    status: 303,
    text: '',
    headers: {
      // One slash: `//host` would lead elsewhere.
      Location: `/${pathname.replace(/^\/+/, '')}${query === '' ? '' : `?${query}`}`,
      'Set-Cookie': cookie,
    },
  };
}

const loginPage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>workerctl</title><link rel="stylesheet" href="/page.css">
<main class="login"><h1>workerctl</h1><form><label>Token <input type="password" name="token" autocomplete="current-password" required autofocus></label>
<button>Log in</button></form></main></html>
`;
