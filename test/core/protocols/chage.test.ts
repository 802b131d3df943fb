import { expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import { refusedByAge } from '../../../src/core/protocols/chage.ts';

const now = momentOf(Date.UTC(2026, 10, 28, 12));

const said = ({
  changed = 'Nov 01, 2026',
  password = 'never',
  inactive = 'never',
  account = 'never',
}): string =>
  `Last password change\t\t\t\t\t: ${changed}
Password expires\t\t\t\t\t: ${password}
Password inactive\t\t\t\t\t: ${inactive}
Account expires\t\t\t\t\t\t: ${account}
Minimum number of days between password change\t\t: 0
Maximum number of days between password change\t\t: 99999
Number of days of warning before password expires\t: 7
`;

test.each([
  [{}, undefined],
  [{ account: 'Nov 29, 2026' }, undefined],
  [{ account: 'Nov 28, 2026' }, 'the account expired on Nov 28, 2026'],
  [{ account: 'Jan 02, 1970' }, 'the account expired on Jan 02, 1970'],
  [{ password: 'Nov 28, 2026' }, undefined],
  [{ password: 'Nov 27, 2026' }, 'the password expired on Nov 27, 2026'],
  // PAM refuses from the day on which the password expires, however long it may still be changed.
  [{ password: 'Nov 20, 2026', inactive: 'Nov 30, 2026' }, 'the password expired on Nov 20, 2026'],
  [
    { password: 'Nov 20, 2026', inactive: 'Nov 27, 2026' },
    'the password expired on Nov 20, 2026, and the account is inactive since Nov 27, 2026',
  ],
  [{ password: 'Nov 30, 2026', inactive: 'Dec 30, 2026' }, undefined],
  [
    { changed: 'password must be changed', password: 'password must be changed' },
    'the password must be changed',
  ],
])('an account with %j must be judged as PAM does', (fields, words) => {
  expect(refusedByAge(said(fields), now)).toBe(words);
});

test('what is not understood must refuse nothing', () => {
  expect(refusedByAge('chage: permission denied\n', now)).toBeUndefined();
});
