import type { WorkerctlError } from '../core/basics/error.ts';
import { nearest } from '../core/basics/nearest.ts';
import { usageError, type OptionForm } from './options.ts';

/** What may follow a command. */
export interface Grammar {
  readonly command: string;
  readonly forms: readonly OptionForm[];
}

/**
 * The words of a command line in a form that can be read in one way only: `-n 5` as `--lines=5`, targets behind `--`. The
 * word after an option with a value is that value, whatever it looks like.
 * @throws WorkerctlError `usage` for an option that is unknown or contradicts another, or a value too many or too few
 */
export function unambiguous(words: readonly string[], grammar: Grammar): string[] {
  const end = words.indexOf('--');
  const rest = end === -1 ? [...words] : words.slice(0, end);
  const targets: string[] = [];
  const options = new Map<string, string>();
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!/^-./.test(word)) {
      targets.push(word);
      continue;
    }
    for (const { form, text } of optionsIn(word, rest, grammar)) {
      const before = options.get(form.name);
      if (before !== undefined && (form.takesValue || before !== text))
        throw usageError(grammar.command, `--${form.name}: expected it once, found it twice`);
      options.set(form.name, text);
    }
  }
  return [...options.values(), '--', ...targets, ...(end === -1 ? [] : words.slice(end + 1))];
}

/** One option in the long form. */
interface Given {
  readonly form: OptionForm;
  readonly text: string;
}

/** The options in a word, several if it is `-fn5`; the value of the last one may be the first word of `rest`. */
function optionsIn(word: string, rest: string[], grammar: Grammar): Given[] {
  const [, long, inline] = /^--([^=]+)(?:=([^]*))?$/.exec(word) ?? [];
  if (long !== undefined)
    return [given(longForm(long, grammar), `--${long}`, inline, rest, grammar)];
  const options: Given[] = [];
  for (let at = 1; at < word.length; at += 1) {
    const letter = word.charAt(at);
    const form = grammar.forms.find(({ short }) => short === letter);
    if (form === undefined) throw unknown(`-${letter}`, grammar);
    const behind = word.slice(at + 1).replace(/^=/, '');
    const isLast = form.takesValue || word[at + 1] === '=';
    const value = isLast && at + 1 < word.length ? behind : undefined;
    options.push(given({ form, isNo: false }, `-${letter}`, value, rest, grammar));
    if (isLast) break;
  }
  return options;
}

function longForm(name: string, grammar: Grammar) {
  const { forms } = grammar;
  const form = forms.find((each) => each.name === name);
  if (form !== undefined) return { form, isNo: false };
  const negated = forms.find((each) => each.hasNo && `no-${each.name}` === name);
  if (negated === undefined) throw unknown(`--${name}`, grammar);
  return { form: negated, isNo: true };
}

function given(
  { form, isNo }: { readonly form: OptionForm; readonly isNo: boolean },
  written: string,
  inline: string | undefined,
  rest: string[],
  { command }: Grammar,
): Given {
  const { name, takesValue } = form;
  if (takesValue && !isNo) {
    const value = inline ?? rest.shift();
    if (value !== undefined) return { form, text: `--${name}=${value}` };
    throw usageError(command, `${written}: expected a value, found none`);
  }
  if (inline === undefined) return { form, text: isNo ? `--no-${name}` : `--${name}` };
  if (!isNo && inline === 'true') return { form, text: `--${name}` };
  if (!isNo && inline === 'false') return { form, text: `--no-${name}` };
  throw usageError(command, `${written}: expected no value, found ${JSON.stringify(inline)}`);
}

function unknown(written: string, { command, forms }: Grammar): WorkerctlError {
  const known = forms.flatMap(({ name, hasNo, takesValue }) =>
    hasNo && takesValue ? [`--${name}`, `--no-${name}`] : [`--${name}`],
  );
  const meant = nearest(written, known);
  const advice = meant === undefined ? `options: ${known.join(', ')}` : `did you mean ${meant}?`;
  return usageError(command, `${command}: unknown option ${written}; ${advice}`);
}
