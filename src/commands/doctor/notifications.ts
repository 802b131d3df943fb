import { formatDayAndTime } from '../../core/basics/time.ts';
import { orFine, problem, warning, type Findings } from '../../core/views/finding.ts';
import type { SecretPlace } from '../../core/model/config.ts';
import { readSecret } from '../../host/files/secret.ts';
import { now } from '../../host/process/clock.ts';
import { notifyFolder, spooledIn } from '../../host/state/hook-spool.ts';
import { readUndelivered } from '../../host/state/undelivered.ts';
import { orElse, type Examination } from './examination.ts';

const about = 'notifications';

/** Whether messages (`notify`) can be delivered, and were. */
export function notificationFindings({ config: { notify, stateDir } }: Examination): Findings {
  if (notify === undefined) return [];
  const failing = orElse(
    () => readUndelivered(stateDir),
    () => undefined,
  );
  if (failing !== undefined) {
    const { since, problem: words, nextAt } = failing;
    const waiting = spooledIn(notifyFolder(stateDir)).length;
    const at = now();
    return problem(
      about,
      `nothing was delivered since ${formatDayAndTime(since, at)} (events that wait: ${waiting}): ${words}`,
      [
        'no message about what happens arrives',
        `the first bootcheck or watch after ${formatDayAndTime(nextAt, at)} tries it again`,
      ],
    );
  }
  const { url, headers } = notify.webhook ?? {};
  return orFine(
    Object.entries({ url, headers }).map(([key, place]) => secretFinding(key, place)),
    about,
    'nothing waits that could not be delivered',
  );
}

/** Whether what is needed to deliver is there. The variables of this command need not be those of cron. */
function secretFinding(key: string, place: SecretPlace | undefined): Findings {
  const secret = place && readSecret(place, `notify.webhook.${key}`);
  if (place === undefined || secret?.kind !== 'unknown') return [];
  return place.kind === 'file'
    ? problem(about, secret.problem, ['nothing can be delivered without it', 'put it in place'])
    : warning(about, `${secret.problem} for this command`, [
        'bootcheck and watch need it to deliver',
        'set it where they are started, or use a file: {file: PATH}',
      ]);
}
