let table: Uint32Array | undefined;

/** The CRC-32 of the bytes of a text in UTF-8, as zip and gzip have it: 8 hexadecimal digits. */
export function crc32(text: string): string {
  const known = (table ??= madeTable());
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) crc = (known[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0');
}

function madeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit += 1)
      value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
}
