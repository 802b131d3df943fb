import { isPlain } from '../core/basics/visible.ts';

const escape = String.fromCharCode(27);
const escapes = new RegExp(`${escape}\\[[0-9;]*m`, 'g');

/**
 * What a terminal draws two columns wide (Unicode Standard Annex 11, East Asian Width, W and F), and marks on the character
 * before, which take none. Classes of Unicode take a millisecond to parse, so they are made for the first text that needs them.
 */
const makeForms = () => ({
  wide: /^(?:[\u1100-\u115f\u231a\u231b\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u,
  marks: /^[\p{Mn}\p{Me}\p{Cf}]+$/u,
});
let forms: ReturnType<typeof makeForms> | undefined;

let segmenter: Intl.Segmenter | undefined;

/** The characters of a text as people count them: an accent or a joined emoji belongs to what comes before. */
const charactersIn = (text: string): string[] =>
  Array.from(
    (segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })).segment(text),
    ({ segment }) => segment,
  );

function widthOf(character: string): number {
  const { wide, marks } = (forms ??= makeForms());
  if (wide.test(character) || character.includes('\ufe0f')) return 2;
  return marks.test(character) ? 0 : 1;
}

/**
 * How many columns a text takes on a terminal, not counting colours. In the bundle this replaces the string-width package,
 * which would take longer to load than all of yargs: what has only ASCII characters is not looked at one by one.
 */
// eslint-disable-next-line no-restricted-exports -- it replaces a package that has one
export default function width(text: string): number {
  const shown = text.includes(escape) ? text.replace(escapes, '') : text;
  if (isPlain(shown)) return shown.length;
  return charactersIn(shown).reduce((sum, character) => sum + widthOf(character), 0);
}

/** A text without colours, cut off with an ellipsis if it takes more than `columns`. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let kept = '';
  let left = columns - 1;
  for (const character of charactersIn(text)) {
    left -= widthOf(character);
    if (left < 0) break;
    kept += character;
  }
  return columns < 1 ? '' : `${kept}…`;
}
