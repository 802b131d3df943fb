import type { KeyPath, LineAndColumn } from './problems.ts';
import { parseYaml } from './yaml/document.ts';
import { readConfigFile } from './yaml/read-file.ts';
import { slotAt } from './yaml/tree.ts';

/**
 * Where keys such as `workers.mail.command` are in a valid config: in the worker, else in the defaults. For what is left out:
 * where its worker, or the file, begins.
 */
export function keyPlaces(file: string): (key: string) => LineAndColumn {
  const { root, placeOf } = parseYaml(readConfigFile(file).text);
  return (key) => {
    const path = key.split('.');
    const [, name = '', ...own] = path;
    const paths: KeyPath[] = [
      path,
      ['defaults', ...own],
      ['workers', name, 'preset'],
      ['defaults', 'preset'],
      ['workers', name],
    ];
    const slot = paths.map((each) => slotAt(root, each)).find((each) => each !== undefined);
    return placeOf(slot?.keyOffset ?? 0);
  };
}
