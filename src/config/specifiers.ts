/** What is wrong with the specifiers of a text that may hold `%i %p %n %H %%`, or undefined. */
export function specifierProblem(text: string): string | undefined {
  const found = /%(?:[ipnH%]|([^])|$)/g;
  for (const [match, unknown] of text.matchAll(found)) {
    if (match === '%') return 'found a lone % at the end; write %% for a percent sign';
    if (unknown !== undefined)
      return `unknown specifier ${match}; known are %i %p %n %H, and %% for a percent sign`;
  }
  return undefined;
}

/** What is wrong with a text that is the same for all instances, or undefined. */
export function sharedTextProblem(text: string): string | undefined {
  if (!text.replace(/%%/g, '').includes('%')) return undefined;
  return 'specifiers have no meaning here: it is the same for all instances; write %% for a percent sign';
}

/** `text` so that its percent signs mean themselves. */
export const escapedSpecifiers = (text: string): string => text.replace(/%/g, '%%');

/** `text` of which every doubled percent sign is one; for a text that holds no specifiers. */
export const unescapedSpecifiers = (text: string): string => text.replace(/%%/g, '%');
