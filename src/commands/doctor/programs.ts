import { getPriority } from 'node:os';
import { orFine, problem, warning, type Finding, type Findings } from '../../core/views/finding.ts';
import { workerPath } from '../../core/model/launch.ts';
import { programAt } from '../../host/process/find-program.ts';
import type { Examination } from './examination.ts';

/** What the shim runs. Its PATH is the same for all callers. */
const ofShim = ['sh', 'setsid', 'mv', 'mkdir', 'rm'];

/** The oldest Node that workerctl supports. */
const oldest = [20, 19] as const;

/** Whether the programs that start workers exist, and whether Node is new enough. `find` looks for a program. */
export function programFindings(
  { config }: Pick<Examination, 'config'>,
  find: (name: string) => string | undefined = (name) => programAt(name, workerPath),
): Findings {
  const needsNice = config.workers.some(({ nice }) => nice !== getPriority());
  const missing = [...ofShim, ...(needsNice ? ['nice'] : [])].filter(
    (name) => find(name) === undefined,
  );
  const { node } = process.versions;
  return orFine(
    [nodeFindings(node), missing.map(notFound), find('mkfifo') === undefined ? noTrigger : []],
    'programs',
    `Node ${node}, and all that a start needs`,
  );
}

const notFound = (name: string): Finding =>
  problem('programs', `${name} is not found in ${workerPath}`, [
    'no worker can be started',
    name === 'setsid' ? 'install util-linux' : 'install coreutils',
  ]);

const noTrigger = warning('programs', `mkfifo is not found in ${workerPath}`, [
  'workerctl watch cannot create its trigger, and does not start',
  'install coreutils',
]);

/** Whether Node is new enough; `version` is that of `process.versions.node`. */
export function nodeFindings(version: string): Findings {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNew = major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
  if (isNew) return [];
  return warning('Node', `version ${version}`, [
    'workerctl is not tested with it',
    `install Node ${oldest.join('.')} or later`,
  ]);
}
