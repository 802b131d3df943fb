import { configErrorIn, type Problem } from './problems.ts';
import { parseYaml } from './yaml/document.ts';
import type { Slot } from './yaml/tree.ts';

/** A file of ours while it is read: all that is wrong with it is named at once. */
export interface ReadText {
  readonly root: Slot;
  /** What was reported so far. */
  readonly wrong: readonly Problem[];
  readonly report: (problem: Problem) => void;
  /** @throws WorkerctlError `config`, which names each problem with its file, line and column; nothing if there is none */
  readonly refuse: (found: readonly Problem[]) => void;
}

/** @throws WorkerctlError `config` if the text is no YAML */
export function readText(file: string, text: string): ReadText {
  const { root, problems, placeOf } = parseYaml(text);
  const refuse = (found: readonly Problem[]): void => {
    if (found.length > 0) throw configErrorIn(file, found, placeOf);
  };
  refuse(problems);
  const wrong: Problem[] = [];
  return { root, wrong, report: (problem) => void wrong.push(problem), refuse };
}
