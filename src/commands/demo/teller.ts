import { wrap, wrapBeside } from './wrap.ts';

/** Tells the story, in lines of at most 80 columns; a blank line parts what is of different kinds. */
export interface Teller {
  /** A new chapter, numbered. */
  readonly step: (title: string) => void;
  readonly say: (text: string) => void;
  /** Text that is shown as it is, such as a file. */
  readonly quote: (text: string) => void;
  /** A command line, before it is run. */
  readonly command: (line: string) => void;
  /** What a command wrote, and how it ended. */
  readonly output: (text: string, exitCode: number) => void;
  /** A claim that was checked: it holds, or this was found instead. */
  readonly claim: (text: string, found: string | undefined) => void;
  /** The last words. */
  readonly end: (text: string, isGood: boolean) => void;
}

const columns = 80;
const indent = '   ';
const fullWidth = columns - indent.length;

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39] } as const;
type Style = keyof typeof codes;

/** A teller that prints with `print`, in colours where they are wanted. */
export function createTeller(print: (text: string) => void, colours: boolean): Teller {
  let steps = 0;
  let last: keyof Teller | undefined;
  const paint = (style: Style, text: string): string => {
    const [on, off] = codes[style];
    return colours && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  };
  const kind = (next: keyof Teller): void => {
    if (last !== undefined && next !== last) print('\n');
    last = next;
  };
  const line = (text: string, style?: Style): void => {
    const painted = style === undefined ? text : paint(style, text);
    print(text === '' ? '\n' : `${indent}${painted}\n`);
  };
  const lines = (text: string, hang: string, style?: Style): void => {
    for (const whole of text.trimEnd().split('\n'))
      for (const part of wrap(whole, fullWidth, hang)) line(part, style);
  };
  return {
    step: (title) => {
      kind('step');
      steps += 1;
      print(`${paint('bold', `${steps}. ${title}`)}\n`);
    },
    say: (text) => {
      kind('say');
      lines(text, '');
    },
    quote: (text) => {
      kind('quote');
      lines(text, '', 'dim');
    },
    command: (text) => {
      kind('command');
      line(`$ ${text}`, 'bold');
    },
    output: (text, exitCode) => {
      if (last !== 'command') kind('output');
      last = 'output';
      if (text !== '') lines(text, '    ');
      line(`exit code ${exitCode}`, 'dim');
    },
    claim: (text, found) => {
      kind('claim');
      const mark = found === undefined ? paint('green', 'ok ') : paint('red', 'NO ');
      const words = found === undefined ? text : `${text}: found ${found}`;
      for (const part of wrapBeside('   ', mark, words, fullWidth)) line(part);
    },
    end: (text, isGood) => {
      kind('end');
      print(`${paint(isGood ? 'green' : 'red', wrap(text, columns, '').join('\n'))}\n`);
    },
  };
}
