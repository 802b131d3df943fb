const escape = String.fromCharCode(27);
const escapes = new RegExp(`${escape}\\[[0-9;]*m`, 'g');

/**
 * How many columns a text takes, colours left out. All that we print is plain text of one column a character, so this
 * stands in for the string-width package in the bundle, where it would cost more time than all of yargs.
 */
// eslint-disable-next-line no-restricted-exports -- it takes the place of a package that has one
export default function width(text: string): number {
  return text.includes(escape) ? text.replace(escapes, '').length : text.length;
}
