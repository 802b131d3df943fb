/**
 * A number from 0 up to, but not including, 1 that looks random and is always the same for the same text: chance for rules
 * that must not ask for any. FNV-1a, with the last step of MurmurHash3, because texts that differ in one letter must be
 * far apart.
 */
export function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
