/**
 * What a terminal or a CI system would obey: control characters except tab and newline, and those that reorder text or
 * begin a line. Some terminals obey U+009B as they do ESC [.
 */
const obeyed =
  '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]';

const controls = new RegExp(obeyed, 'g');

/** SGR sequences colour text and do nothing else. Source: ECMA-48, 8.3.117. */
const controlsAndColours = new RegExp(`\\u001b\\[[\\d;:]*m|${obeyed}`, 'g');

/**
 * A text of others in which nothing is left to obey: `^[` for ESC, `^M` for a carriage return, `\u009b` for characters that
 * have no such name. In JSON this changes no value, because JSON itself escapes those that have one.
 */
export const visible = (text: string): string => text.replace(controls, shown);

/** The same, but colours are kept. */
export const visibleInColour = (text: string): string =>
  text.replace(controlsAndColours, (found) => (found.length > 1 ? found : shown(found)));

const plainText = /^[ -~]*$/;

/** Whether a text has only printable characters of ASCII: nothing to obey, one column each. */
export const isPlain = (text: string): boolean => plainText.test(text);

/** The same as `visible` for a text that must not begin a line of its own. */
export const visibleInLine = (text: string): string =>
  isPlain(text) ? text : visible(text).replace(/\s*\n\s*/g, ' ');

function shown(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
