import { join } from 'node:path';
import { defineCommand } from '../cli/command.ts';
import { print } from '../cli/print.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { readOrEmpty } from '../host/files/read-or-empty.ts';
import { printed } from '../output/json/answer.ts';
import { versionAnswer } from '../output/json/answers.ts';
import { formatTable } from '../output/table.ts';

/** `workerctl version`. */
export const command = defineCommand({
  summary:
    'Print the versions of workerctl and Node.js, and the commit that workerctl was built from.',
  operands: '',
  options: {},
  examples: [['workerctl version']],
  exitCodes: { done: '' },
  run: ({ global }) => {
    const found = versionFound();
    print(global.json ? printed(versionAnswer, found) : formatTable(rowsOf(found)));
    return Promise.resolve(exitCodes.done.code);
  },
});

/** What runs. */
export function versionFound(): VersionFound {
  // Written by the build, if it was made in a repository.
  const commit = readOrEmpty(join(__dirname, 'commit')).trim();
  return {
    version: VERSION,
    ...(commit !== '' && { commit }),
    node: process.versions.node,
    path: process.execPath,
  };
}

const rowsOf = ({ version, commit = 'not known', node, path }: VersionFound): string[][] => [
  ['workerctl', version],
  ['commit', commit],
  ['node', `${node} (${path})`],
];

interface VersionFound {
  readonly version: string;
  readonly commit?: string;
  readonly node: string;
  readonly path: string;
}
