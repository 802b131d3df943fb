import { WorkerctlError } from '../core/basics/error.ts';
import { nearest } from '../core/basics/nearest.ts';

/**
 * A parser of words with commas between them, each one of `choices`.
 * @param what what they are called, in the plural
 */
export const wordsAmong =
  <Word extends string>(what: string, choices: readonly Word[]) =>
  (text: string, name: string): readonly Word[] =>
    text.split(',').map((word) => {
      const known = choices.find((one) => one === word.trim());
      if (known !== undefined) return known;
      const meant = nearest(word.trim(), choices);
      throw new WorkerctlError(
        'usage',
        `${name}: expected ${what}, found ${JSON.stringify(word)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
        { hint: `${what}: ${choices.join(', ')}` },
      );
    });
