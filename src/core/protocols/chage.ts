import type { Moment } from '../basics/time.ts';

const dayMs = 86_400_000;

/**
 * Why PAM refuses an account by its ages, in words; undefined: it does not. cron runs nothing for such an account.
 * @param text what `chage -l` prints with LC_ALL=C
 */
export function refusedByAge(text: string, now: Moment): string | undefined {
  const fields = new Map(
    text.split('\n').map((line): [string, string] => {
      const [name = '', value = ''] = line.split(/\s*:\s*/);
      return [name.trim().toLowerCase(), value.trim()];
    }),
  );
  const date = (name: string): number => Date.parse(`${fields.get(name) ?? ''} UTC`);
  const account = fields.get('account expires') ?? '';
  if (now >= date('account expires')) return `the account expired on ${account}`;
  const password = fields.get('password expires') ?? '';
  if ([...fields.values()].includes('password must be changed'))
    return 'the password must be changed';
  // Its last day is the one that is shown.
  if (!(now >= date('password expires') + dayMs)) return undefined;
  const inactive = fields.get('password inactive') ?? '';
  const isInactive = now >= date('password inactive') + dayMs;
  const besides = isInactive ? `, and the account is inactive since ${inactive}` : '';
  return `the password expired on ${password}${besides}`;
}
