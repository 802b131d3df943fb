import { beforeEach, expect, test, vi } from 'vitest';
import { cronAccountFindings } from '../../../src/commands/doctor/cron-account.ts';
import { findUnits, type Examination } from '../../../src/commands/doctor/examination.ts';
import {
  loginFindings,
  shutdownFindings,
  unitFindings,
} from '../../../src/commands/doctor/units.ts';
import { limitFindings, type Allowed } from '../../../src/commands/doctor/limits.ts';
import { nodeFindings, programFindings } from '../../../src/commands/doctor/host.ts';
import { runnerFindings } from '../../../src/commands/doctor/runners.ts';
import {
  roomFindings,
  stateDirectoryFindings,
} from '../../../src/commands/doctor/state-directory.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import { listed, type Findings } from '../../../src/core/views/finding.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { Answer, Ask } from '../../../src/host/process/ask-program.ts';
import * as processTable from '../../../src/host/process/process-table.ts';
import { aConfig, alive, aWorker, observation, process as aProcess } from '../../core/builders.ts';

// Another test in this thread may have loaded the checks with the real module.
vi.hoisted(() => vi.resetModules());
vi.mock('../../../src/host/process/process-table.ts', { spy: true });

const group = vi.mocked(processTable.groupOf);
const mount = vi.mocked(processTable.mountOf);

beforeEach(() => {
  group.mockReturnValue('/');
});

/** Each finding as `level about: found`. */
const lines = (findings: Findings): string[] =>
  listed(findings).map(({ level, about, found }) => `${level} ${about}: ${found}`);

const absent: Ask = () => Promise.resolve({ kind: 'absent' });
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
const seen = observation(alive('mail.1', process.pid), alive('mail.2', process.pid));

/** What doctor knows if the workers are in the group that is mocked now. */
const examined = (ask: Ask = absent): Examination => ({
  config,
  hostName: 'web1',
  env: {},
  desired: noDesired,
  status: undefined,
  observation: seen,
  marked: [],
  watch: undefined,
  units: findUnits(seen, undefined),
  ask,
});

test('workers outside of services and logins must be ok', async () => {
  expect(lines(await unitFindings(examined()))).toEqual([
    'ok systemd: no worker is in a systemd service',
  ]);
  expect(lines(await loginFindings(examined()))).toEqual([
    'ok logins: no worker depends on a login',
  ]);
  expect(lines(runnerFindings(examined()))).toEqual(['ok CI runners: no worker belongs to one']);
});

test.each([
  [
    'KillMode=process\nTimeoutStopUSec=1min 30s\nOOMPolicy=stop\n',
    'warning unit a.service: contains mail.1, mail.2; KillMode=process, OOMPolicy=stop',
  ],
  [
    'KillMode=process\nTimeoutStopUSec=1min 30s\nOOMPolicy=continue\n',
    'ok unit a.service: contains mail.1, mail.2; KillMode=process',
  ],
  [
    'KillMode=control-group\nTimeoutStopUSec=1min 30s\n',
    'problem unit a.service: contains mail.1, mail.2; KillMode=control-group, TimeoutStopSec 1min 30s',
  ],
  [
    'KillMode=mixed\nTimeoutStopUSec=infinity\n',
    'problem unit a.service: contains mail.1, mail.2; KillMode=mixed, TimeoutStopSec infinity',
  ],
])('a service with %j must be judged by them', async (text, words) => {
  group.mockReturnValue('/system.slice/a.service');
  const asked = 'systemctl show -p KillMode -p TimeoutStopUSec -p OOMPolicy a.service';
  expect(lines(await unitFindings(examined(saying({ [asked]: text }))))).toEqual([words]);
});

test('a service must be a warning if systemd cannot be asked, and a user service must be asked as such', async () => {
  group.mockReturnValue('/system.slice/a.service');
  const unknown = 'warning unit a.service: contains mail.1, mail.2; its KillMode is unknown: ';
  expect(lines(await unitFindings(examined()))).toEqual([`${unknown}the program is not installed`]);
  expect(lines(await unitFindings(examined(saying({}))))).toEqual([
    `${unknown}Failed to connect to bus`,
  ]);
  group.mockReturnValue('/user.slice/user-7.slice/user@7.service/app.slice/b.service');
  const asked = 'systemctl --user show -p KillMode -p TimeoutStopUSec -p OOMPolicy b.service';
  expect(lines(await unitFindings(examined(saying({ [asked]: 'KillMode=none\n' }))))).toEqual([
    'ok unit b.service: contains mail.1, mail.2; KillMode=none',
  ]);
});

test('a login must be a problem if its end kills the workers', async () => {
  group.mockReturnValue('/user.slice/user-7.slice/session-3.scope');
  const manager = 'loginctl show-user -p KillUserProcesses';
  const ask = (kills: string): Ask =>
    saying({ [manager]: `KillUserProcesses=${kills}\n`, loginctl: 'Linger=no\n' });
  expect(lines(await loginFindings(examined(ask('yes'))))).toEqual([
    'problem login session-3.scope: contains mail.1, mail.2; KillUserProcesses=yes, Linger=no',
  ]);
  expect(lines(await loginFindings(examined(ask('no'))))).toEqual([
    'warning login session-3.scope: contains mail.1, mail.2; KillUserProcesses=no: a logout does not end them',
  ]);
  expect(lines(await loginFindings(examined()))).toEqual([
    'warning login session-3.scope: contains mail.1, mail.2; logind cannot be asked: the program is not installed',
  ]);
  group.mockReturnValue('/user.slice/user-7.slice/user@7.service/app.slice/b.service');
  expect(lines(await loginFindings(examined(ask('no'))))).toEqual([
    'problem user unit b.service: contains mail.1, mail.2; Linger=no',
  ]);
});

test('without a watch a shutdown must be a warning, if systemd runs the host', async () => {
  expect(lines(await shutdownFindings(examined(), false))).toEqual([
    'ok shutdown: no systemd runs this host',
  ]);
  expect(lines(await shutdownFindings(examined(), true))).toEqual([
    'warning shutdown: nothing lets the workers finish their jobs',
  ]);
});

test.each([
  ['/system.slice/w.service', 'ExecStop={ argv[]=sh -c x sh workerctl stop --until-boot ; }', 'ok'],
  ['/system.slice/w.service', 'ExecStop=', 'warning'],
  ['/user.slice/user-7.slice/session-3.scope', 'ExecStop=--until-boot', 'warning'],
])('a watch in %s with %s must be judged', async (path, text, level) => {
  group.mockReturnValue(path);
  const watch = aProcess(process.pid);
  const examination = {
    ...examined(saying({ 'systemctl show -p ExecStop w.service': `${text}\n` })),
    watch,
    units: findUnits(seen, watch),
  };
  const [found = ''] = lines(await shutdownFindings(examination, true));
  expect(found.split(' ')[0]).toBe(level);
});

test.each([
  // Debian's cron, cronie, and an account that has no crontab yet.
  ['You (deploy) are not allowed to use this program (crontab)\nSee crontab(1)\n', 1],
  ['You (deploy) are not allowed to access to (crontab) because of pam configuration.\n', 1],
  ['no crontab for deploy\n', 0],
])('crontab(1) that says %j must be a warning if it refuses the user', async (error, count) => {
  const refused: Answer = { kind: 'said', status: 1, text: '', error };
  const ask: Ask = (program) =>
    program === 'crontab' ? Promise.resolve(refused) : absent(program, []);
  const found = lines(await cronAccountFindings({ ask }, 'deploy'));
  expect(found).toHaveLength(count);
  for (const line of found) expect(line).toMatch(/^warning cron: deploy may not use crontab\(1\)/);
});

test("a CI runner's group must be a warning", () => {
  group.mockReturnValue('/system.slice/actions.runner.a.service');
  expect(lines(runnerFindings(examined()))).toEqual([
    'warning group /system.slice/actions.runner.a.service: contains mail.1, mail.2, and belongs to a CI runner (actions.runner)',
  ]);
});

test.each([
  ['nfs4', 'is on a network file system (nfs4)'],
  ['vfat', 'is on vfat, which has no owners, FIFOs or sockets'],
  ['tmpfs', 'is in memory (tmpfs): a reboot empties it'],
])('a state directory on %s must be a warning', (type, words) => {
  mount.mockReturnValueOnce({ point: '/', type, options: [] });
  expect(lines(stateDirectoryFindings(examined()))).toContain(
    `warning state directory /state: ${words}`,
  );
});

test('little free space must be a warning, none a problem, also of files; unknown sizes must be ok', () => {
  const room = { blocks: 100, bavail: 50_000, bsize: 4096, files: 9_000, ffree: 5_000 };
  const of = (more: Partial<typeof room>): string[] =>
    lines(roomFindings(['/a'], () => ({ ...room, ...more })));
  expect(of({})).toEqual(['ok free space for /a: 195 MB, 5000 files']);
  expect(of({ bavail: 100 })).toEqual(['warning free space for /a: little: 0 MB, 5000 files']);
  expect(of({ bavail: 0 })).toEqual(['problem free space for /a: none: 0 MB, 5000 files']);
  expect(of({ ffree: 0 })).toEqual(['problem free space for /a: none: 195 MB, 0 files']);
  expect(of({ blocks: 0, bavail: 0, files: 0, ffree: 0 })).toEqual([
    'ok free space for /a: unlimited, unlimited files',
  ]);
});

test('programs that a start needs must exist, and Node must not be too old', () => {
  const withoutFor = (workers: readonly Worker[], ...names: string[]): string[] =>
    lines(
      programFindings({ config: aConfig(...workers) }, (name) =>
        names.includes(name) ? undefined : `/bin/${name}`,
      ),
    ).map((one) => one.replace(/ in \/.*/, ''));
  const without = (...names: string[]): string[] => withoutFor([], ...names);
  expect(without()[0]).toMatch(/^ok programs: Node \S+, and all that a start needs$/);
  expect(without('setsid', 'mkfifo')).toEqual([
    'problem programs: setsid is not found',
    'warning programs: mkfifo is not found',
  ]);
  expect(without('nice', 'sleep', 'cat', 'timeout')).toHaveLength(1);
  const piped = aWorker('mail', ['1'], { log: { kind: 'piped', command: ['logger'] } });
  expect(withoutFor([piped], 'timeout', 'mkfifo')).toEqual([
    'problem programs: timeout is not found',
    'problem programs: mkfifo is not found',
  ]);
  expect(withoutFor([aWorker('mail', ['1'], { nice: 5 })], 'nice')).toEqual([
    'problem programs: nice is not found',
  ]);
  expect(nodeFindings('20.19.0')).toEqual([]);
  expect(nodeFindings('22.1.0')).toEqual([]);
  expect(lines(nodeFindings('20.18.9'))).toEqual(['warning Node: version 20.18.9']);
});

test('limits must leave room for all wanted instances', () => {
  const ample: Allowed = { files: 1024, processes: Infinity, inGroup: Infinity, isRoot: false };
  const of = (more: Partial<Allowed>, workers = [aWorker('mail', ['1', '2'])]): string[] =>
    lines(
      limitFindings(
        { config: aConfig(...workers), observation: observation() },
        { ...ample, ...more },
      ),
    );
  expect(of({})).toEqual(['ok limits: there is room for all 2 wanted instances']);
  expect(of({ files: 20 })).toEqual([
    'problem open files: 20 allowed (ulimit -Hn), 2 instances wanted',
  ]);
  expect(of({ processes: 3 })).toEqual([
    'problem processes: room for 3 more processes, but 2 instances to start',
  ]);
  expect(of({ processes: 3, isRoot: true })).toEqual([
    'ok limits: there is room for all 2 wanted instances',
  ]);
  expect(of({ inGroup: 10, isRoot: true })).toEqual([
    'warning tasks: room for 10 more processes, but 2 instances to start',
  ]);
  expect(of({}, [aWorker('mail', ['1'], { limits: { nofile: 65_536 } })])).toEqual([
    'warning workers.mail.limits.nofile: 65536, but 1024 are allowed',
  ]);
});
