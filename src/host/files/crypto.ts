import type * as Crypto from 'node:crypto';

/** Loaded on use: it takes 5 ms, which a bootcheck that has nothing to do would notice. */
const crypto = (): typeof Crypto => process.getBuiltinModule('node:crypto');

/** Random hexadecimal digits, two for each byte. */
export const randomHex = (bytes: number): string => crypto().randomBytes(bytes).toString('hex');

/** The first hexadecimal digits of the SHA-256 of a text. */
export const digest = (text: string, digits: number): string =>
  crypto().createHash('sha256').update(text).digest('hex').slice(0, digits);
