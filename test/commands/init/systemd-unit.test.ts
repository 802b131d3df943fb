import { afterEach, describe, expect, test, vi } from 'vitest';
import { scratchFolder, write } from '../../config/scratch.ts';
import { initialised as initialisedIn } from './rig.ts';

const scratch = scratchFolder();
const initialised = initialisedIn(scratch);

const template = `# a comment
[Unit]
Description=Mail %i
After=network.target redis.service
ConditionPathExists=/srv/app

[Service]
Type=notify
User=deploy
Group=deploy
WorkingDirectory=-/srv/app/current
Environment="RAILS_ENV=production" 'TITLE=mail %i' RATE=50%%
Environment=LANG=de
EnvironmentFile=-/etc/default/mail
EnvironmentFile=/etc/mail.env
ExecStartPre=/usr/bin/test -d /srv/app
ExecStart=/usr/bin/env bundle exec \\
  bin/mail --id=%i \\
  --queue=\${QUEUE} $ARGS
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
SuccessExitStatus=3 SIGTERM
KillSignal=SIGQUIT
KillMode=control-group
TimeoutStopSec=90
LimitNOFILE=65536:65536
UMask=0027
Nice=5
OOMScoreAdjust=-100
StandardOutput=append:/var/log/mail-%i.log
StandardError=append:/var/log/mail-%i.err
PrivateTmp=true

[Install]
WantedBy=multi-user.target
`;

test('a template must be carried over, and what is not must be listed', async () => {
  const { worker, leftOut, text } = await initialised({
    'deploy/mail@.service': template,
    'deploy/clock@main.service': '[Service]\nExecStart=-/usr/bin/ruby clock.rb "a b"\nRestart=no\n',
    'deploy/web.service': '[Service]\nExecStart=puma\n',
    'deploy/once.service': '[Service]\nType=oneshot\nExecStart=rake cleanup\n',
    'deploy/forks.service':
      '[Service]\nType=forking\nPIDFile=/run/app/forks.pid\nExecStart=/usr/sbin/forks -d\nRestart=always\nKillMode=process\n',
  });
  expect(Object.keys(worker)).toEqual(['clock', 'forks', 'mail']);
  expect(worker['mail']).toMatchObject({
    command: [
      'sh',
      '-c',
      'exec /usr/bin/env bundle exec bin/mail --id=%i "--queue=${QUEUE}" $ARGS',
    ],
    directory: '/srv/app/current',
    env: { RAILS_ENV: 'production', TITLE: 'mail %i', RATE: '50%%', LANG: 'de' },
    envFiles: ['/etc/default/mail', '/etc/mail.env'],
    onExit: 'on_failure',
    successCodes: [0, 3],
    stop: { signal: 'QUIT', to: 'session' },
    ready: { kind: 'notify' },
    limits: { nofile: 65536 },
    umask: 0o027,
    nice: 5,
    oomScoreAdj: -100,
    logFile: '/var/log/mail-%i.log',
  });
  expect(text).toContain('# A template: list its instances in identifiers; %i stands for each.');
  expect(text).toContain('# $ARGS is not set here');
  expect(worker['clock']).toMatchObject({
    command: ['/usr/bin/ruby', 'clock.rb', 'a b'],
    configured: ['main'],
    onExit: 'never',
  });
  expect(worker['forks']).toMatchObject({ pidfile: '/run/app/forks.pid', daemonizes: {} });
  for (const words of [
    'mail@.service:5: ConditionPathExists was left out',
    'mail@.service:17: mail ran as deploy; here it runs as the user',
    'mail@.service:16: mail: ExecStartPre was left out',
    'mail@.service:22: mail: RestartSec was left out',
    'mail@.service:26: mail: TimeoutStopSec was left out: workerctl lets a job end; stop.timeout: 90s',
    'mail@.service:33: mail: PrivateTmp was left out',
    'once.service:3: once was left out: a task that ends',
    'web.service:2: web was left out: a web process',
  ])
    expect(leftOut.join('\n')).toContain(`deploy/${words}`);
});

test('a unit without a service must be named', async () => {
  const files = { 'app.service': '[Unit]\nDescription=none\nOnFailure=mail.service\n' };
  const { leftOut } = await initialised(files, { from: 'app.service' });
  expect(leftOut).toEqual([
    'app.service: it has no [Service]',
    'app.service:3: OnFailure was left out: workerctl has nothing like it',
  ]);
});

describe('limits of control groups', () => {
  const unit = (lines: string): Record<string, string> => ({
    'deploy/mail.service': `[Service]\nExecStart=bin/mail\n${lines}\n`,
  });
  const limits = 'MemoryMax=1.5G\nCPUQuota=33.5%';

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('must be carried over if this host can keep them', async () => {
    const folder = `${scratch}/host`;
    const manager = `user-${process.geteuid?.() ?? 0}.slice/user@${process.geteuid?.() ?? 0}.service`;
    for (const file of [
      'sys/fs/cgroup/cgroup.controllers',
      'sys/fs/cgroup/cgroup.procs',
      'sys/fs/cgroup/cgroup.subtree_control',
      `sys/fs/cgroup/user.slice/${manager}/cgroup.controllers`,
    ])
      write(folder, file, 'cpu memory');
    vi.stubEnv('WORKERCTL_TEST_HOST_ROOT', folder);
    vi.stubEnv('WORKERCTL_TEST_GROUP', '/');
    const { worker, leftOut } = await initialised(unit(limits));
    expect(worker['mail']?.cgroup).toEqual({ memoryMax: 1.5 * 1024 ** 3, cpu: 0.335 });
    expect(leftOut.join('\n')).not.toMatch(/MemoryMax|CPUQuota/);
  });

  test('must be left out and named if it cannot', async () => {
    vi.stubEnv('WORKERCTL_TEST_HOST_ROOT', '/nowhere');
    const { worker, leftOut } = await initialised(unit(limits));
    expect(worker['mail']?.cgroup).toBeUndefined();
    expect(leftOut.join('\n')).toMatch(/left out: .*found control groups of version 1/);
  });

  test.each(['MemoryMax=50%', 'MemoryMax=4K', 'CPUQuota=lots'])(
    '%s must be named',
    async (line) => {
      const { worker, leftOut } = await initialised(unit(line));
      expect(worker['mail']?.cgroup).toBeUndefined();
      expect(leftOut.join('\n')).toContain(`${line.split('=')[0]} was left out: expected `);
    },
  );
});
