import { Composer, LineCounter, Parser, visit } from 'yaml';
import type { CST, Document, YAMLError } from 'yaml';
import type { Mismatch } from '../../core/basics/config-problem.ts';
import type { LineAndColumn, Problem } from '../problems.ts';
import { syntaxWords } from './syntax-words.ts';
import { yamlTree, type Slot } from './tree.ts';

/** A parsed config text. If there are `problems`, the tree means nothing. */
export interface YamlDocument {
  readonly root: Slot;
  readonly problems: readonly Problem[];
  readonly placeOf: (offset: number) => LineAndColumn;
}

/** `text` as one YAML 1.2 document. Never throws: what is wrong is in `problems`. */
export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  const documents = composed(text, lines);
  const tree = yamlTree(documents[0]?.contents);
  const problems = syntaxProblems(documents);
  return {
    root: tree.root,
    problems: problems.length > 0 ? problems : tree.problems,
    placeOf: (offset) => {
      const { line, col } = lines.linePos(offset);
      return { line: Math.max(1, line), column: Math.max(1, col) };
    },
  };
}

const nestedAtMost = 100;

/**
 * The documents of a text; none if it is nested too deep. The depth is checked first, since the composer calls itself for
 * each level, and if its stack ends inside of a regular expression V8 ends the whole process.
 */
function composed(text: string, lines: LineCounter): Document.Parsed[] {
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  if (tokens.some(isTooDeep)) return [];
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false });
  return [...composer.compose(tokens, true, text.length)] as Document.Parsed[];
}

function isTooDeep(token: CST.Token): boolean {
  let level = [token];
  for (let depth = 0; depth < nestedAtMost && level.length > 0; depth += 1)
    level = level.flatMap(tokensInside);
  return level.length > 0;
}

function tokensInside(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) => [key, value].filter((each) => each != null));
}

/** Only the first error: the others mostly follow from it. */
function syntaxProblems([document, another]: readonly Document.Parsed[]): Problem[] {
  const problem = (offset: number, mismatch: Mismatch): Problem[] => [
    { path: [], offset, ...mismatch },
  ];
  if (document === undefined)
    return problem(0, { expected: `at most ${nestedAtMost} nested levels`, found: 'more' });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined)
    return problem(quoteBefore(error, document) ?? error.pos[0], syntaxWords(error.message));
  if (another === undefined) return [];
  return problem(another.range[0], {
    expected: 'one YAML document',
    found: 'another one after ---',
  });
}

/** A quote that is never closed is noticed only at the end of the text: where it was opened says more. */
function quoteBefore({ message, pos }: YAMLError, document: Document.Parsed): number | undefined {
  if (!/^Missing closing ['"]/.test(message)) return undefined;
  let opened: number | undefined;
  visit(document, {
    Scalar: (_, { type, range }) => {
      if (type?.startsWith('QUOTE') && range && range[0] < pos[0]) opened = range[0];
    },
  });
  return opened;
}
