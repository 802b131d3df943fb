/** The ways in which a text can be highlighted. */
export interface Colours {
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
  /** 0: there are no colours, and none of these changes the text. */
  readonly level: number;
}

const same = (text: string): string => text;

/** For pipes and files: no colours. */
export const plain: Colours = {
  red: same,
  green: same,
  yellow: same,
  dim: same,
  bold: same,
  level: 0,
};

/** Words in the colour of their level; the level of a line of the journal may be anything. */
export function painted(level: unknown, words: string, { red, yellow }: Colours): string {
  if (level === 'error') return red(words);
  return level === 'warning' ? yellow(words) : words;
}
