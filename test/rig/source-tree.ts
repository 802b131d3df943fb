import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Copies what a package is built from, so that a test can build one without touching this tree. */
export function copySources(tree: string): void {
  mkdirSync(tree);
  const names = ['.config', 'bin', 'src', 'docs', 'LICENSE', 'README.md'];
  for (const name of [...names, 'package.json', 'package-lock.json', 'tsconfig.json'])
    cpSync(join(root, name), join(tree, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
}
