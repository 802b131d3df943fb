/**
 * The CRC-32 of each of the 16 values of four bits. A table for whole bytes would have to be made first, which takes a
 * command longer than all the bytes that it checks.
 */
const ofFourBits: readonly number[] = [
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
  0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
];

/** The CRC-32 of the bytes of a text in UTF-8, as zip and gzip have it: 8 hexadecimal digits. */
export function crc32(text: string): string {
  const bytes = Buffer.from(text);
  let crc = -1;
  for (let index = 0; index < bytes.length; index += 1) {
    crc ^= bytes[index] ?? 0;
    crc = (ofFourBits[crc & 15] ?? 0) ^ (crc >>> 4);
    crc = (ofFourBits[crc & 15] ?? 0) ^ (crc >>> 4);
  }
  return (~crc >>> 0).toString(16).padStart(8, '0');
}
