/** The words of a command that no shell reads: quotes and backslashes as in Python's shlex and in systemd. */
export function quotedWords(text: string): readonly string[] | undefined {
  const token =
    /(?<space>\s+)|\\(?<escaped>[^])|'(?<single>(?:[^'\\]|\\[^])*)'|"(?<double>(?:[^"\\]|\\[^])*)"|(?<plain>[^\s'"\\]+)/y;
  const words: string[] = [];
  let word: string | undefined;
  while (token.lastIndex < text.length) {
    const groups = token.exec(text)?.groups;
    if (groups === undefined) return undefined; // a quote that is not closed
    const { space, escaped, single, double, plain } = groups;
    if (space === undefined)
      word =
        (word ?? '') + (escaped ?? single ?? plain ?? (double ?? '').replace(/\\(["\\])/g, '$1'));
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}
