import { beforeEach, expect, test, vi } from 'vitest';
import type { Examination } from '../../../src/commands/doctor/examination.ts';
import { limitFindings, type Allowed } from '../../../src/commands/doctor/limits.ts';
import { loginFindings } from '../../../src/commands/doctor/logins.ts';
import { nodeFindings, programFindings } from '../../../src/commands/doctor/programs.ts';
import { runnerFindings } from '../../../src/commands/doctor/runners.ts';
import {
  roomFindings,
  stateDirectoryFindings,
} from '../../../src/commands/doctor/state-directory.ts';
import { unitFindings } from '../../../src/commands/doctor/units.ts';
import type { Finding } from '../../../src/core/views/finding.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { Answer, Ask } from '../../../src/host/process/ask-program.ts';
import * as processTable from '../../../src/host/process/process-table.ts';
import { aConfig, alive, aWorker, observation } from '../../core/builders.ts';

vi.mock('../../../src/host/process/process-table.ts', { spy: true });

const group = vi.mocked(processTable.groupOf);
const mount = vi.mocked(processTable.mountOf);

beforeEach(() => {
  group.mockReturnValue('/');
});

const told = (findings: readonly Finding[]): string[] =>
  findings.map(({ level, about, found }) => `${level} ${about}: ${found}`);

const silent: Ask = () => Promise.resolve({ kind: 'absent' });
const saying =
  (texts: Readonly<Record<string, string>>): Ask =>
  (program, words) => {
    const text = texts[`${program} ${words.join(' ')}`] ?? texts[program];
    const answer: Answer =
      text === undefined
        ? { kind: 'said', status: 1, text: '', error: 'Failed to connect to bus\n' }
        : { kind: 'said', status: 0, text, error: '' };
    return Promise.resolve(answer);
  };

const config = aConfig(aWorker('mail', ['1', '2']));
const examined = (ask: Ask = silent): Examination => ({
  config,
  hostName: 'web1',
  env: {},
  desired: noDesired,
  observation: observation(alive('mail.1', process.pid), alive('mail.2', process.pid)),
  marked: [],
  watch: undefined,
  ask,
});

test('workers outside of services and logins must be well', async () => {
  expect(told(await unitFindings(examined()))).toEqual([
    'ok systemd: no worker is in a service of it',
  ]);
  expect(told(await loginFindings(examined()))).toEqual(['ok logins: no worker depends on one']);
  expect(told(runnerFindings(examined()))).toEqual(['ok CI runners: no worker belongs to one']);
});

test.each([
  [
    'KillMode=process\nTimeoutStopUSec=1min 30s\n',
    'ok unit a.service: mail.1, mail.2 in it; KillMode=process',
  ],
  [
    'KillMode=control-group\nTimeoutStopUSec=1min 30s\n',
    'problem unit a.service: mail.1, mail.2 in it; KillMode=control-group, TimeoutStopSec 1min 30s',
  ],
  [
    'KillMode=mixed\nTimeoutStopUSec=infinity\n',
    'problem unit a.service: mail.1, mail.2 in it; KillMode=mixed, TimeoutStopSec infinity',
  ],
])('of a service with %j', async (text, words) => {
  group.mockReturnValue('/system.slice/a.service');
  const asked = 'systemctl show -p KillMode -p TimeoutStopUSec a.service';
  expect(told(await unitFindings(examined(saying({ [asked]: text }))))).toEqual([words]);
});

test('a service must be told in words where systemd cannot be asked, and a user service asked as such', async () => {
  group.mockReturnValue('/system.slice/a.service');
  const unknown = 'warning unit a.service: mail.1, mail.2 in it; its KillMode is not known: ';
  expect(told(await unitFindings(examined()))).toEqual([`${unknown}there is no such program here`]);
  expect(told(await unitFindings(examined(saying({}))))).toEqual([
    `${unknown}Failed to connect to bus`,
  ]);
  group.mockReturnValue('/user.slice/user-7.slice/user@7.service/app.slice/b.service');
  const asked = 'systemctl --user show -p KillMode -p TimeoutStopUSec b.service';
  expect(told(await unitFindings(examined(saying({ [asked]: 'KillMode=none\n' }))))).toEqual([
    'ok unit b.service: mail.1, mail.2 in it; KillMode=none',
  ]);
});

test('a login must be told when its end kills the workers', async () => {
  group.mockReturnValue('/user.slice/user-7.slice/session-3.scope');
  const manager = 'loginctl show-user -p KillUserProcesses';
  const ask = (kills: string): Ask =>
    saying({ [manager]: `KillUserProcesses=${kills}\n`, loginctl: 'Linger=no\n' });
  expect(told(await loginFindings(examined(ask('yes'))))).toEqual([
    'problem login session-3.scope: mail.1, mail.2 in it; KillUserProcesses=yes, Linger=no',
  ]);
  expect(told(await loginFindings(examined(ask('no'))))).toEqual([
    'ok login session-3.scope: mail.1, mail.2 in it; KillUserProcesses=no: a logout leaves them alone',
  ]);
  expect(told(await loginFindings(examined()))).toEqual([
    'warning login session-3.scope: mail.1, mail.2 in it; logind cannot be asked: there is no such program here',
  ]);
  group.mockReturnValue('/user.slice/user-7.slice/user@7.service/app.slice/b.service');
  expect(told(await loginFindings(examined(ask('no'))))).toEqual([
    "problem user's unit b.service: mail.1, mail.2 in it; Linger=no",
  ]);
});

test("a CI runner's group must be told", () => {
  group.mockReturnValue('/system.slice/actions.runner.a.service');
  expect(told(runnerFindings(examined()))).toEqual([
    "warning group /system.slice/actions.runner.a.service: mail.1, mail.2 in it, which is a CI runner's (actions.runner)",
  ]);
});

test.each([
  ['nfs4', 'it lies on a network file system (nfs4)'],
  ['vfat', 'it lies on vfat, which knows no owners, FIFOs or sockets'],
  ['tmpfs', 'it lies in memory (tmpfs): a reboot empties it'],
])('a state directory on %s must be a warning', (type, words) => {
  mount.mockReturnValueOnce({ point: '/', type, options: [] });
  expect(told(stateDirectoryFindings(examined()))).toContain(
    `warning state directory /state: ${words}`,
  );
});

test('little room must be a warning, none a problem, also of files; sizes that nobody knows are enough', () => {
  const room = { blocks: 100, bavail: 50_000, bsize: 4096, files: 9_000, ffree: 5_000 };
  const of = (more: Partial<typeof room>): string[] =>
    told(roomFindings(['/a'], () => ({ ...room, ...more })));
  expect(of({})).toEqual(['ok room for /a: 195 MB, 5000 files']);
  expect(of({ bavail: 100 })).toEqual(['warning room for /a: little: 0 MB, 5000 files']);
  expect(of({ bavail: 0 })).toEqual(['problem room for /a: none: 0 MB, 5000 files']);
  expect(of({ ffree: 0 })).toEqual(['problem room for /a: none: 195 MB, 0 files']);
  expect(of({ blocks: 0, bavail: 0, files: 0, ffree: 0 })).toEqual([
    'ok room for /a: any number of bytes, any number of files',
  ]);
});

test('programs that a start needs must be there, and Node not be too old', () => {
  const without = (...names: string[]): string[] =>
    told(
      programFindings(examined(), (name) => (names.includes(name) ? undefined : `/bin/${name}`)),
    );
  expect(without()[0]).toMatch(/^ok programs: Node \S+ and all that a start needs$/);
  expect(without('setsid', 'mkfifo').map((one) => one.replace(/ in \/.*/, ''))).toEqual([
    'problem programs: setsid is not found',
    'warning programs: mkfifo is not found',
  ]);
  expect(nodeFindings('20.19.0')).toEqual([]);
  expect(nodeFindings('22.1.0')).toEqual([]);
  expect(told(nodeFindings('20.18.9'))).toEqual(['warning Node: version 20.18.9']);
});

test('limits must leave room for all that is wanted', () => {
  const ample: Allowed = { files: 1024, processes: Infinity, inGroup: Infinity, isRoot: false };
  const of = (more: Partial<Allowed>, workers = [aWorker('mail', ['1', '2'])]): string[] =>
    told(
      limitFindings(
        { config: aConfig(...workers), observation: observation() },
        { ...ample, ...more },
      ),
    );
  expect(of({})).toEqual(['ok limits: 2 wanted instances fit in']);
  expect(of({ files: 20 })).toEqual([
    'problem open files: 20 allowed (ulimit -Hn), 2 instances wanted',
  ]);
  expect(of({ processes: 3 })).toEqual([
    'problem processes: room for 3 more processes, 2 instances are to be started',
  ]);
  expect(of({ processes: 3, isRoot: true })).toEqual(['ok limits: 2 wanted instances fit in']);
  expect(of({ inGroup: 10, isRoot: true })).toEqual([
    'warning tasks: room for 10 more processes, 2 instances are to be started',
  ]);
  expect(of({}, [aWorker('mail', ['1'], { limits: { nofile: 65_536 } })])).toEqual([
    'warning workers.mail.limits.nofile: 65536, but 1024 are allowed',
  ]);
});
