import { Composer, isNode, isScalar, LineCounter, Parser, visit } from 'yaml';
import type { CST, Document, YAMLError } from 'yaml';
import { plainDocument } from './plain-value.ts';
import type { KeyPath, PlacedProblem, Problem } from '../problems.ts';
import { follow, spotFinder, type Location } from './location.ts';

/** A parsed config text that still knows where each value stands and how it was written. */
export interface YamlDocument {
  readonly value: unknown;
  readonly problems: readonly PlacedProblem[];
  /** The problem with its line and column; where the path leads nowhere, those of what is nearest to it. */
  readonly place: (problem: Problem) => PlacedProblem;
  /** The value as written, such as `1.0` or `022`; undefined for a map, a list, or what is not there. */
  readonly sourceOf: (path: KeyPath) => string | undefined;
}

/** `text` as one YAML 1.2 document. Never throws: what is wrong is in `problems`. */
export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  const documents = composed(text, lines);
  const contents = documents[0]?.contents;
  const plain = plainDocument(contents);
  const spotOf = spotFinder(contents, plain.targets);
  const place = (problem: Problem): PlacedProblem => {
    const offset = problem.offset ?? offsetOf(spotOf(problem.path).location, problem.at);
    const { line, col } = lines.linePos(offset);
    return { ...problem, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = syntaxProblems(documents);
  return {
    value: plain.value,
    problems: (problems.length > 0 ? problems : plain.problems).map(place),
    place,
    sourceOf: (path) => {
      const { location, isExact } = spotOf(path);
      const node = follow(location.value, plain.targets);
      return isExact && isScalar(node) ? node.source : undefined;
    },
  };
}

const nestedAtMost = 100;

/**
 * The documents of a text; none when it is nested too deep. The composer calls itself for each level, and where
 * its stack ends inside of a regular expression V8 ends the whole process: so the depth is looked at before.
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

const nestedTooDeep: Problem = { path: [], at: 'value', offset: 0, message: 'nested too deep' };

/** Only the first error: those after it mostly follow from it. */
function syntaxProblems([document, another]: readonly Document.Parsed[]): Problem[] {
  if (document === undefined) return [nestedTooDeep];
  const [error] = [...document.errors, ...document.warnings];
  const problem = (offset: number, message: string): Problem[] => [
    { path: [], at: 'value', offset, message },
  ];
  if (error !== undefined)
    return problem(quoteBefore(error, document) ?? error.pos[0], syntaxMessage(error));
  if (another === undefined) return [];
  return problem(another.range[0], 'expected one YAML document, found another after ---');
}

/** An unclosed quote is noticed only at the end of the text: where it was opened says more. */
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

function syntaxMessage(error: YAMLError): string {
  if (error.code === 'TAB_AS_INDENT') return 'expected spaces, found a tab to indent with';
  if (/^Missing closing/.test(error.message)) return 'this quote is never closed';
  return `not valid YAML: ${error.message}`;
}

/** A value that is left out has no place of its own: its key stands for it. */
function offsetOf({ key, value }: Location, at: Problem['at']): number {
  const isLeftOut =
    value === null || (isScalar(value) && value.value === null && value.source === '');
  const node = key !== undefined && (at === 'key' || isLeftOut) ? key : value;
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
