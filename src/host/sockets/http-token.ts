import { createHash, timingSafeEqual } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { WorkerctlError } from '../../core/basics/error.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { readFlags, textOfOpen } from '../files/bounded-read.ts';
import { describeErrno } from '../files/errno.ts';

/** A secret that clients of the page must know. */
export interface HttpToken {
  /** Whether a text is the token. */
  readonly is: (text: string) => boolean;
  /** Whether a request has the token, as a bearer token or in the cookie that a login has set. */
  readonly isIn: (request: IncomingMessage) => boolean;
  /** The cookie for a browser that has sent the token: other sites cannot have it sent, and scripts cannot read it. */
  readonly cookie: string;
}

const shortest = 16;
const longest = 4 * 1024;

/**
 * The token in a file that only its owner can read.
 * @param port tells the cookies of two pages of one host apart
 * @throws WorkerctlError `usage` if the file cannot be read, belongs to others, is open to others, or has no token
 */
export function readToken(path: string, port: number): HttpToken {
  return tokenOf(textIn(path), port);
}

export function tokenOf(text: string, port: number): HttpToken {
  const digest = digestOf(text);
  const name = `workerctl_${port}`;
  const value = digestOf(`cookie ${text}`).toString('base64url');
  const cookieDigest = digestOf(value);
  const is = (found: string): boolean => timingSafeEqual(digestOf(found), digest);
  return {
    is,
    isIn: ({ headers }) => {
      const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
      if (bearer !== undefined) return is(bearer);
      const cookies = (headers.cookie ?? '').split(/; */);
      const found = cookies.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
      return found !== undefined && timingSafeEqual(digestOf(found), cookieDigest);
    },
    cookie: `${name}=${value}; HttpOnly; SameSite=Strict; Path=/`,
  };
}

/** Of the same length for every text, so that comparing takes the same time. */
const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

function textIn(path: string): string {
  const fd = opened(path);
  try {
    const { uid, mode } = fstatSync(fd);
    const own = process.geteuid?.() ?? 0;
    if (uid !== own && uid !== 0)
      throw refused(path, 'a file of yours or of root', `one of user ${uid}`, 'chown it');
    if ((mode & 0o077) !== 0)
      throw refused(
        path,
        'a file that only its owner can read',
        `mode ${(mode & 0o777).toString(8)}`,
        `chmod 600 ${shellWord(path)}`,
      );
    const text = contentOf(path, fd).trim();
    if (!/^[\x21-\x7e]+$/.test(text) || text.length < shortest)
      throw refused(
        path,
        `one word of at least ${shortest} letters and digits`,
        text === '' ? 'an empty file' : `${text.length} characters`,
        `(umask 077; openssl rand -hex 24 > ${shellWord(path)})`,
      );
    return text;
  } finally {
    closeSync(fd);
  }
}

function opened(path: string): number {
  try {
    return openSync(path, readFlags);
  } catch (error) {
    throw refused(path, 'a file', describeErrno(error));
  }
}

function contentOf(path: string, fd: number): string {
  try {
    return textOfOpen(fd, longest);
  } catch (error) {
    throw refused(path, 'a file with a token', describeErrno(error));
  }
}

const refused = (path: string, expected: string, found: string, hint?: string): WorkerctlError =>
  new WorkerctlError('usage', `--http-token ${path}: expected ${expected}, found ${found}`, {
    ...(hint !== undefined && { hint }),
  });
