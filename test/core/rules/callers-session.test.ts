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

test.each<[string, Partial<CallersSession>, 'system' | 'user', RegExp]>([
  ['a user who lingers', { lingers: true }, 'user', /session-5\.scope.*KillUserProcesses=yes/],
  // A shutdown ends logins first.
  [
    'a user who lingers, if logouts end nothing',
    { lingers: true, kills: false },
    'user',
    /session-5\.scope.*a shutdown of the host kills them/,
  ],
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
  expect(home).toHaveProperty('otherwise.problem', expect.stringMatching(otherwise));
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
  const problem = expect.stringMatching(words) as string;
  expect(home).toMatchObject({ kind: 'here', end: { problem, isWithLogin: true } });
  expect(home).toHaveProperty(
    'end.problem',
    expect.stringContaining('loginctl enable-linger deploy'),
  );
});

test('workers of a login whose logout ends nothing must be warned of a shutdown', () => {
  const home = homeOf({ ...session, kills: false });
  expect(home).toMatchObject({ kind: 'here', end: { isWithLogin: false } });
  expect(home).toHaveProperty(
    'end.problem',
    expect.stringMatching(/shutdown of the host kills them.*install systemd/),
  );
});
