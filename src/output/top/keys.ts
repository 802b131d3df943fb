import { sortKeys, type SortKey } from '../../core/views/sort-status.ts';

/** What the person at `top` has chosen. */
export interface Choice {
  readonly sort: SortKey;
  /** Only instances whose name, state, job or detail has this text. */
  readonly filter: string;
  /** Keys become part of the filter. */
  readonly isTyping: boolean;
  /** Which row is selected, counted from 0; the view keeps it inside of what there is. */
  readonly row: number;
  /** What is selected stays so, whatever row it moves to; undefined: what is in the row. */
  readonly key?: string | undefined;
  /** Whether the details of the selected instance are shown. */
  readonly isOpen: boolean;
}

/** What a key does: another choice, or what only the terminal can do. */
export type Act = Choice | 'quit' | 'interrupt' | 'suspend' | 'redraw';

/** Another list begins at its first row. */
const atTop = { row: 0, key: undefined };

const escape = String.fromCharCode(27);

/** Ends with an escape sequence that is not complete yet. */
const incomplete = new RegExp(`${escape}(?:\\[[\\d;]*|O)$`);

const sequences = new RegExp(`${escape}(?:\\[[\\d;]*[~A-Za-z]|O[A-Za-z])|[^]`, 'gu');

const names: Readonly<Record<string, string>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  k: 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  j: 'down',
  '\x1b[5~': 'page up',
  '\x1b[6~': 'page down',
  ' ': 'page down',
  '\x1b[H': 'first',
  '\x1bOH': 'first',
  '\x1b[1~': 'first',
  g: 'first',
  '\x1b[F': 'last',
  '\x1bOF': 'last',
  '\x1b[4~': 'last',
  G: 'last',
  '\r': 'enter',
  '\n': 'enter',
};

/** The keys in what a terminal has sent; `rest` belongs to what it sends next. */
export function keysIn(sent: string): { readonly keys: readonly string[]; readonly rest: string } {
  const rest = incomplete.exec(sent)?.[0] ?? '';
  return { keys: sent.slice(0, sent.length - rest.length).match(sequences) ?? [], rest };
}

/**
 * What a key does.
 * @param page how many rows are shown
 */
export function press(key: string, choice: Choice, page: number): Act {
  if (key === '\x03') return 'interrupt';
  if (key === '\x1a') return 'suspend';
  if (key === '\x0c') return 'redraw';
  return choice.isTyping ? typed(key, choice) : chosen(key, choice, page);
}

function typed(key: string, choice: Choice): Choice {
  const { filter } = choice;
  if (key === '\r' || key === '\n') return { ...choice, isTyping: false };
  if (key === '\x1b') return { ...choice, isTyping: false, filter: '', ...atTop };
  if (key === '\x7f' || key === '\b')
    return { ...choice, filter: Array.from(filter).slice(0, -1).join(''), ...atTop };
  if (key === '\x15') return { ...choice, filter: '', ...atTop };
  return /^\P{C}$/u.test(key) ? { ...choice, filter: filter + key, ...atTop } : choice;
}

function chosen(key: string, choice: Choice, page: number): Act {
  const { row, sort, isOpen } = choice;
  const to = (next: number): Choice => ({ ...choice, row: Math.max(0, next), key: undefined });
  switch (names[key] ?? key) {
    case 'up':
      return to(row - 1);
    case 'down':
      return to(row + 1);
    case 'page up':
      return to(row - page);
    case 'page down':
      return to(row + page);
    case 'first':
      return to(0);
    case 'last':
      return to(Number.MAX_SAFE_INTEGER);
    case 'enter':
      return { ...choice, isOpen: !isOpen };
    case '\x1b':
      return isOpen ? { ...choice, isOpen: false } : { ...choice, filter: '', ...atTop };
    case '/':
      return { ...choice, isTyping: true };
    case 's':
      return { ...choice, sort: besides(sort, 1), ...atTop };
    case 'S':
      return { ...choice, sort: besides(sort, -1), ...atTop };
    case 'q':
      return 'quit';
    default:
      return choice;
  }
}

function besides(sort: SortKey, step: number): SortKey {
  const at = sortKeys.indexOf(sort) + step;
  return sortKeys[(at + sortKeys.length) % sortKeys.length] ?? sort;
}
