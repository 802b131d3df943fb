import { shellWord } from '../../core/basics/shell-word.ts';
import { refusedByAge } from '../../core/protocols/chage.ts';
import { problem, warning, type Findings } from '../../core/views/finding.ts';
import { now } from '../../host/process/clock.ts';
import type { Examination } from './examination.ts';

/**
 * Whether cron works for this account at all. It asks PAM before each run: an account or a password that has expired runs
 * nothing, and no mail says so. Source: cron(8) and chage(1), Debian.
 */
export async function cronAccountFindings(
  { ask }: Pick<Examination, 'ask'>,
  user: string,
): Promise<Findings> {
  const [ages, crontab] = await Promise.all([ask('chage', ['-l', user]), ask('crontab', ['-l'])]);
  const refusal =
    ages.kind === 'said' && ages.status === 0 ? refusedByAge(ages.text, now()) : undefined;
  const findings: Findings[] = [];
  if (refusal !== undefined)
    findings.push(
      problem('cron', `runs nothing for ${user}: ${refusal}`, [
        'cron sends no mail about that; an instance that dies stays down',
        `sudo chage ${refusal.startsWith('the account') ? '-E -1' : '-M -1 -d -1'} ${shellWord(user)}`,
      ]),
    );
  if (crontab.kind === 'said' && crontab.status !== 0 && /not allowed/.test(crontab.error))
    findings.push(
      warning('cron', `${user} may not use crontab(1), so its crontab cannot be seen here`, [
        'lines that are there already run all the same, but can be neither checked nor changed',
        'add it to /etc/cron.allow, or remove it from /etc/cron.deny',
      ]),
    );
  return findings;
}
