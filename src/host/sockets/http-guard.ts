import { isIP } from 'node:net';

/**
 * Of every answer: nothing but our own files is loaded, no code of a page is run, no other page may frame or read it, and
 * nothing is kept.
 */
export const guardingHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/**
 * Whether a Host header names this server in a way that no other site can: a web page can have any name of its own resolve
 * to 127.0.0.1 (DNS rebinding), but not an address, or localhost. The port may be that of a tunnel.
 * @param bound the host that the server was told to listen on
 */
export function isOwnHost(header: string | undefined, bound: string): boolean {
  const match = /^(?:\[([\da-f:.]+)\]|([^\s:[\]]+))(?::\d{1,5})?$/i.exec(header ?? '');
  const host = (match?.[1] ?? match?.[2] ?? '').toLowerCase();
  return host === 'localhost' || isIP(host) !== 0 || (host !== '' && host === bound.toLowerCase());
}

/** Whether a browser says that another site has asked for this, and not a person who follows a link. */
export const isForeignRequest = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): boolean =>
  ['cross-site', 'same-site'].includes(String(headers['sec-fetch-site'])) &&
  headers['sec-fetch-mode'] !== 'navigate';
