const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** A line in parts of at most `width` columns, broken between words; the parts after the first begin with `hang`. */
export function wrap(line: string, width: number, hang: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (const word of line.match(/\s*\S+/g) ?? []) {
    if (part.trim() !== '' && visibleWidth(part + word) > width) {
      parts.push(part);
      part = hang + word.trimStart();
    } else {
      part += word;
    }
  }
  return [...parts, part];
}

/** The same for a text that stands beside a mark; `margin` is the mark's width in spaces. */
export function wrapBeside(margin: string, mark: string, text: string, width: number): string[] {
  const [first = '', ...rest] = wrap(text, width - margin.length, '');
  return [mark + first, ...rest.map((part) => margin + part)];
}

const visibleWidth = (text: string): number => text.replace(escapes, '').length;
