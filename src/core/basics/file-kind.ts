/** What the kernel says about a file. */
export interface FileType {
  readonly isFile: () => boolean;
  readonly isDirectory: () => boolean;
  readonly isFIFO: () => boolean;
  readonly isSocket: () => boolean;
}

/** What is at a path in words, for a message that says what was found in place of a file. */
export function kindOfFile(type: FileType): string {
  if (type.isFile()) return 'a file';
  if (type.isDirectory()) return 'a directory';
  if (type.isFIFO()) return 'a FIFO';
  return type.isSocket() ? 'a socket' : 'a device';
}
