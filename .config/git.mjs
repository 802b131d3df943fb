import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/**
 * What git answers about the tree at `root`; undefined if that is no repository of its own (a copy within another one does
 * not count), if there is no git, or if it has no answer.
 */
export function gitOf(root, ...words) {
  const git = (...asked) =>
    execFileSync('git', ['-C', root, ...asked], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    if (resolve(git('rev-parse', '--show-toplevel')) !== resolve(root)) return undefined;
    return git(...words);
  } catch {
    return undefined;
  }
}
