import { describe, expect, test } from 'vitest';
import { scratchFolder } from '../../config/scratch.ts';
import { initialised as initialisedIn } from './rig.ts';

const initialised = initialisedIn(scratchFolder());

const sample = `; my app
[unix_http_server]
file=/tmp/supervisor.sock   ; the path

[supervisord]
environment=APP_ENV="prod",LANG=de

[program:mail.worker]
command=%(here)s/bin/mail --n %(process_num)02d --rate 50%% ; a comment
process_name=%(program_name)s_%(process_num)02d
numprocs=3
numprocs_start=1
directory=%(here)s
exitcodes=0,2
stopasgroup=true
stopwaitsecs=600
environment=RAILS_ENV="production",
    URL="redis://a,b",DB="%(ENV_DB)s"
stdout_logfile=/var/log/mail.log
stderr_logfile=/var/log/mail.err
user=deploy
startsecs=10
startretries=5
wibble=3

[program:celery]
command=celery -A app worker
stopasgroup=true
autorestart=true
redirect_stderr=true
stderr_logfile=/var/log/celery.err
stopsignal=QUIT

[program:quoted]
command=bin/one "a b" 'c;d' $HOME
autorestart=false
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
stopsignal=KILL
umask=0022

[program:reads]
command=bin/reads --db %(ENV_DB)s --name "%(program_name)s on %(host_node_name)s"

[program:web]
command=gunicorn app
[eventlistener:mem]
command=memmon
[program:none]
directory=/tmp
[group:all]
programs=celery,web
[include]
files = conf.d/*.conf
junk
`;

describe('the programs of a supervisord.conf must be carried over', () => {
  test.each([
    ['as they are', sample],
    ['with CRLF', sample.replaceAll('\n', '\r\n')],
    ['indented', sample.replace(/^(?=[a-z_]+=)/gm, '  ')],
  ])('%s', async (_, text) => {
    const { folder, worker, outcome } = await initialised({ 'supervisord.conf': text });
    expect(outcome.found).toEqual(['supervisord.conf']);
    expect(outcome.workers.map(({ name, at }) => `${name}:${at.line}`)).toEqual([
      'mail-worker:8',
      'celery:26',
      'quoted:34',
      'reads:42',
    ]);
    expect(worker['mail-worker']).toMatchObject({
      command: [`${folder}/bin/mail`, '--n', '%i', '--rate', '50%%'],
      configured: ['01', '02', '03'],
      directory: folder,
      onExit: 'on_failure',
      successCodes: [0, 2],
      stop: { to: 'session' },
      ready: { kind: 'after', after: 10_000 },
      passEnv: ['DB'],
      logFile: '/var/log/mail-%i.log',
      log: { kind: 'rotated', maxSize: 50 * 1024 ** 2, keep: 10 },
    });
    expect(worker['mail-worker']?.env).toEqual({
      APP_ENV: 'prod',
      LANG: 'de',
      RAILS_ENV: 'production',
      URL: 'redis://a,b',
    });
    expect(worker['celery']).toMatchObject({ onExit: 'always', stop: { signal: 'QUIT' } });
    expect(worker['celery']?.stop.to).toBeUndefined();
    expect(worker['quoted']).toMatchObject({
      command: ['bin/one', 'a b', 'c;d', '$HOME'],
      onExit: 'never',
      umask: 0o022,
      logFile: '/dev/stdout',
      stop: { signal: 'TERM' },
    });
    expect(worker['reads']).toMatchObject({
      command: ['sh', '-c', 'exec bin/reads --db "${DB}" --name \'reads on %H\''],
      passEnv: ['DB'],
    });
  });

  test('and what was not must be listed with its line', async () => {
    const { leftOut } = await initialised({ 'supervisord.conf': sample });
    expect(leftOut).toHaveLength(12);
    for (const [line, words] of [
      [8, 'mail.worker ran as deploy; here it runs as the user who runs workerctl: sudo -u deploy'],
      [23, 'mail.worker: startretries was left out'],
      [24, 'mail.worker: wibble was left out: workerctl has nothing like it'],
      [28, 'celery: stopasgroup was left out: celery itself tells its children'],
      [39, 'quoted: stopsignal was left out: a worker cannot finish its job on KILL'],
      [45, 'web was left out: a web process'],
      [47, 'mem was left out'],
      [49, 'none was left out: it has no command'],
      [53, '[include] was not followed'],
      [55, 'expected [SECTION] or KEY=VALUE'],
    ] as const)
      expect(leftOut.join('\n')).toContain(`supervisord.conf:${line}: ${words}`);
    expect(leftOut.join('\n')).not.toContain('celery: stderr_logfile');
  });
});

test('a user who is the caller is nothing to say', async () => {
  const files = { 'supervisord.conf': '[program:mail]\ncommand=bin/mail\nuser=ann\n' };
  const { leftOut, text } = await initialised(files);
  expect(leftOut).toEqual([]);
  expect(text).not.toContain('user:');
});

test('a program of another directory must be read by --from', async () => {
  const { commands, leftOut } = await initialised(
    { 'conf.d/mail.txt': '[program:mail]\ncommand=bin/mail\nautorestart=true\n', Procfile: 'a: b' },
    { from: 'conf.d/mail.txt' },
  );
  expect(commands).toEqual({ mail: ['bin/mail'] });
  expect(leftOut).toEqual([]);
});

test('a log in memory is a file, and not a stream', async () => {
  const { worker } = await initialised({
    'supervisord.conf':
      '[program:mail]\ncommand=sleep 100\nnumprocs=2\nprocess_name=%(process_num)d\nstdout_logfile=/dev/shm/workerctl-test-%(program_name)s.log\n',
  });
  expect(worker['mail']).toMatchObject({
    logFile: '/dev/shm/workerctl-test-mail-%i.log',
    log: { kind: 'rotated' },
  });
});
