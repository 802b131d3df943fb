import { expect, test } from 'vitest';
import { homeOf, type CallersSession } from '../../../src/core/rules/callers-session.ts';

const session: CallersSession = {
  group: '/user.slice/user-1000.slice/session-5.scope',
  isRoot: false,
  user: 'deploy',
  lingers: false,
  kills: true,
};

test.each<[string, Partial<CallersSession>]>([
  ['cron', { group: '/system.slice/cron.service' }],
  ['a container', { group: '/docker/77' }],
  ['no systemd', { group: '/' }],
  ['a login that ends nothing', { kills: false }],
  [
    "a user's own systemd that lingers",
    { group: '/user.slice/user-1000.slice/user@1000.service/app.slice/x.service', lingers: true },
  ],
  [
    "a user's own systemd, if logind cannot be asked",
    { group: '/user.slice/user-1000.slice/user@1000.service/x.scope', lingers: undefined },
  ],
])('in %s workers must stay where the command is', (_, found) => {
  expect(homeOf({ ...session, ...found })).toEqual({ kind: 'here' });
});

test.each<[string, Partial<CallersSession>, 'system' | 'user', RegExp | undefined]>([
  ['a user who lingers', { lingers: true }, 'user', /session-5\.scope.*KillUserProcesses=yes/],
  // A shutdown ends logins first.
  ['a user who lingers, if logins end nothing', { lingers: true, kills: false }, 'user', undefined],
  ['root', { isRoot: true }, 'system', /session-5\.scope/],
  [
    'a CI job of a user who lingers',
    { lingers: true, group: '/system.slice/actions.runner.org-app.web1.service' },
    'user',
    /actions\.runner.*CI runner/,
  ],
])('workers of %s must get a scope', (_, found, of, otherwise) => {
  const home = homeOf({ ...session, ...found });
  expect(home).toMatchObject({ kind: 'scope', of });
  if (otherwise === undefined) expect(home).not.toHaveProperty('otherwise');
  else expect(home).toHaveProperty('otherwise', expect.stringMatching(otherwise));
});

test.each<[string, Partial<CallersSession>, RegExp]>([
  ['a login', {}, /login \(session-5\.scope\).*killed when it ends \(KillUserProcesses=yes\)/],
  ['a login, if logind cannot be asked', { kills: undefined }, /\(if KillUserProcesses=yes\)/],
  [
    'a CI job',
    { group: '/system.slice/gitlab-runner.service' },
    /gitlab-runner\.service.*may end with it/,
  ],
  [
    "a user's own systemd",
    { group: '/user.slice/user-1000.slice/user@1000.service/app.slice/vte-1.scope' },
    /vte-1\.scope.*last logout/,
  ],
])('workers of %s that cannot leave it must be warned of, with the remedy', (_, found, words) => {
  const home = homeOf({ ...session, ...found });
  expect(home).toMatchObject({ kind: 'doomed', problem: expect.stringMatching(words) as string });
  expect(home).toHaveProperty('problem', expect.stringContaining('loginctl enable-linger deploy'));
});
