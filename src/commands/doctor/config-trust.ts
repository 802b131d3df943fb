import { shellWord } from '../../core/basics/shell-word.ts';
import { fine, problem, type Findings } from '../../core/views/finding.ts';
import type { Examination } from './examination.ts';

/** Whether only the caller and root decide what the config names. */
export function configTrustFindings({ config }: Examination): Findings {
  const { path, distrust, isVouchedFor } = config;
  const about = `config ${path}`;
  if (isVouchedFor === true) return fine(about, 'trusted by --trust-config');
  if (distrust === undefined) return fine(about, 'only you and root can write it');
  return problem(about, `is not trusted: ${distrust}`, [
    'commands that act refuse it, and status does not run release.command or ready.command',
    `run workerctl as the owner of the workers; if you trust all who can write it, add: --trust-config ${shellWord(path)}`,
  ]);
}
