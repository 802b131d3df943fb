import { wrap } from '../../output/wrap.ts';

/** Tells the story in lines of at most 80 columns, with a blank line between things of different kinds. */
export interface Teller {
  /** A new chapter; chapters are numbered. */
  readonly step: (title: string) => void;
  /** A paragraph; its line breaks do not count. */
  readonly say: (text: string) => void;
  /** Text that is shown as it is, such as a file. */
  readonly quote: (text: string) => void;
  /** A command line, before it is run. */
  readonly command: (line: string) => void;
  /** What a command wrote, and its exit code. */
  readonly output: (text: string, exitCode: number) => void;
  /** A claim that was checked: true, or else what was found. */
  readonly claim: (text: string, found: string | undefined) => void;
  /** The last words. */
  readonly end: (text: string, isGood: boolean) => void;
}

const columns = 80;
const indent = '   ';

const styles = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39] } as const;
type Style = keyof typeof styles;

/** A teller that prints with `print`, in colours if they are wanted. */
export function createTeller(print: (text: string) => void, colours: boolean): Teller {
  let steps = 0;
  let last: string | undefined;
  const paint = (style: Style | undefined, text: string): string => {
    if (!colours || style === undefined || text === '') return text;
    const [on, off] = styles[style];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
  const begin = (kind: string): void => {
    if (last !== undefined && kind !== last) print('\n');
    last = kind;
  };
  const show = (text: string, style?: Style, hang = ''): void => {
    for (const whole of text.trimEnd().split('\n'))
      for (const part of wrap(whole, columns - indent.length, hang))
        print(part === '' ? '\n' : `${indent}${paint(style, part)}\n`);
  };
  return {
    step: (title) => {
      begin('step');
      steps += 1;
      print(`${paint('bold', `${steps}. ${title}`)}\n`);
    },
    say: (text) => {
      begin('say');
      show(text.replaceAll('\n', ' '));
    },
    quote: (text) => {
      begin('quote');
      show(text, 'dim');
    },
    command: (text) => {
      begin('command');
      show(`$ ${text}`, 'bold');
    },
    output: (text, exitCode) => {
      if (last !== 'command') begin('output');
      last = 'output';
      if (text !== '') show(text, undefined, '    ');
      show(`exit code ${exitCode}`, 'dim');
    },
    claim: (text, found) => {
      begin('claim');
      const mark = found === undefined ? paint('green', 'ok ') : paint('red', 'NO ');
      show(mark + (found === undefined ? text : `${text}: found ${found}`), undefined, '   ');
    },
    end: (text, isGood) => {
      begin('end');
      print(`${paint(isGood ? 'green' : 'red', wrap(text, columns).join('\n'))}\n`);
    },
  };
}
