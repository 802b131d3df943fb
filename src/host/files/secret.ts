import { statSync } from 'node:fs';
import type { SecretPlace } from '../../core/model/config.ts';
import { describeErrno } from './errno.ts';
import { readTextUpTo } from './bounded-read.ts';

/** A secret, or in words why there is none; these never hold any of it. */
export type Secret =
  | { readonly kind: 'known'; readonly text: string }
  | { readonly kind: 'unknown'; readonly problem: string };

/** No address and no set of headers is longer. */
const mostBytes = 16_384;

/** Reads a secret; `what` names it. A file that all users can read or others can write is refused. */
export function readSecret(place: SecretPlace, what: string): Secret {
  const unknown = (problem: string): Secret => ({
    kind: 'unknown',
    problem: `${what}: ${problem}`,
  });
  if (place.kind === 'env') {
    const text = process.env[place.name]?.trim() ?? '';
    return text === '' ? unknown(`the variable ${place.name} is not set`) : { kind: 'known', text };
  }
  const { path } = place;
  try {
    const { mode } = statSync(path);
    if ((mode & 0o026) !== 0)
      return unknown(`${path}: others may read or write it: chmod 600 ${path}`);
    const text = readTextUpTo(path, mostBytes);
    if (typeof text !== 'string') return unknown(`${path}: expected a short text`);
    return text.trim() === '' ? unknown(`${path} is empty`) : { kind: 'known', text: text.trim() };
  } catch (error) {
    return unknown(`${path}: ${describeErrno(error)}`);
  }
}
