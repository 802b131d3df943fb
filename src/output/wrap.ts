import width from './width.ts';

/**
 * A line in parts of at most `columns`, broken between words; the parts after the first begin with `hang`. A longer
 * word stays whole. Without `columns` the line is not broken.
 */
export function wrap(line: string, columns: number | undefined, hang = ''): string[] {
  if (columns === undefined) return [line];
  const parts: string[] = [];
  let part = '';
  for (const word of line.match(/\s*\S+/g) ?? []) {
    if (part.trim() !== '' && width(part + word) > columns) {
      parts.push(part);
      part = hang + word.trimStart();
    } else {
      part += word;
    }
  }
  return [...parts, part];
}
