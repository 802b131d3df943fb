const escape = String.fromCharCode(27);
const escapes = new RegExp(`${escape}\\[[0-9;]*m`, 'g');

/**
 * How many columns a text takes, not counting colours. We print only plain text of one column a character, so in the
 * bundle this replaces the string-width package, which would take longer to load than all of yargs.
 */
// eslint-disable-next-line no-restricted-exports -- it replaces a package that has one
export default function width(text: string): number {
  return text.includes(escape) ? text.replace(escapes, '').length : text.length;
}
