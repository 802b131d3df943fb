import { dirname } from 'node:path';
import { listed, orFine, warning, type Findings } from '../../core/views/finding.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { launchOf, type Launch } from '../../core/model/launch.ts';
import { linkStatsOf } from '../../host/files/stats-of.ts';
import type { Examination } from './examination.ts';

/**
 * Whether a start follows a link twice. The working directory of a worker is opened once, but its command and its env files
 * are opened later: after a deploy in between they are of another release than the one that is recorded.
 */
export function linkFindings({
  config,
  hostName,
}: Pick<Examination, 'config' | 'hostName'>): Findings {
  const all = listed(
    config.workers.flatMap((worker) =>
      instanceNames(worker).map((name) =>
        secondWays(worker.name, launchOf(worker, name, config.stateDir, hostName)),
      ),
    ),
  );
  const different = new Map(all.map((one) => [`${one.about} ${one.found}`, one]));
  return orFine([...different.values()], 'links', 'no start follows the link of a release twice');
}

function secondWays(worker: string, { directory, command, envFiles }: Launch): Findings {
  const link = releaseLink(directory);
  if (link === undefined) return [];
  const finding = (key: string, path: string, advice: string): Findings => {
    if (!path.startsWith(`${link}/`)) return [];
    return warning(
      `workers.${worker}.${key}`,
      `${path} leads through ${link}, as the directory does`,
      [
        'a start during a deploy may mix two releases: the code that runs is not the recorded one',
        advice,
      ],
    );
  };
  return [
    command.map((word) =>
      finding('command', word, 'write a path that starts in the directory, such as bin/worker'),
    ),
    envFiles.map((path) =>
      finding(
        'env_files',
        path,
        'keep the file outside of the releases, or let the program read it',
      ),
    ),
  ];
}

/**
 * The link that a deploy moves: the last one in the path of a directory. Those beside the root, such as /home, are the
 * system's.
 */
export function releaseLink(directory: string): string | undefined {
  const above = dirname(directory);
  if (above === directory || above === '/') return undefined;
  const isLink = linkStatsOf(directory)?.isSymbolicLink() === true;
  return isLink ? directory : releaseLink(above);
}
