import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import type * as FindProgram from '../../../src/host/process/find-program.ts';
import { findProgram } from '../../../src/host/process/find-program.ts';
import {
  describeNotify,
  openNotifySocket,
  type NotifyMessage,
  type NotifySocket,
} from '../../../src/host/sockets/notify-socket.ts';
import { notifyEnvironment, notifySocketPath } from '../../../src/host/sockets/notify-path.ts';
import { feedSystemdWatchdog, notifySystemd } from '../../../src/host/sockets/systemd.ts';
import { readProcess } from '../../../src/host/process/process-table.ts';
import { readDropped } from '../../../src/host/state/dropped-messages.ts';
import { moveAside } from '../../../src/host/state/records.ts';
import { writeRecord } from '../../../src/host/state/records.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { allPids, endProcess, isAlive, strings } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

vi.mock('../../../src/host/process/find-program.ts', async (original) => {
  const real = await original<typeof FindProgram>();
  return { findProgram: vi.fn(real.findProgram) };
});

const real = vi.mocked(findProgram).getMockImplementation() ?? findProgram;
const scratch = useScratch();
const open: NotifySocket[] = [];

beforeEach(() => {
  vi.mocked(findProgram).mockImplementation(real);
});

afterEach(async () => {
  for (const socket of open.splice(0)) await socket.close();
});

/** Follows commands: `say HEX`, `child HEX` in a process of its own, `flood NUMBER`; `hear` listens and prints. */
const speakers: Readonly<Record<string, readonly string[]>> = {
  perl: [
    '-e',
    `use Socket; $| = 1;
    sub address { (my $path = $_[0]) =~ s/^@/\\0/; pack_sockaddr_un($path) }
    if ($ARGV[0] eq 'hear') {
      socket(my $s, AF_UNIX, SOCK_DGRAM, 0); bind($s, address($ARGV[1])) or die $!; print "bound\\n";
      while (defined recv($s, my $data, 4096, 0)) { print "heard $data\\n" }
    }
    @last = ('STATUS=last', 'READY=1', 'READY=0', 'MAINPID=7', 'EXTEND_TIMEOUT_USEC=60000000', 'WATCHDOG=1', 'STOPPING=1');
    sub say_it { socket(my $s, AF_UNIX, SOCK_DGRAM, 0); connect($s, address($ENV{NOTIFY_SOCKET})) && defined send($s, $_[0], 0) or print "failed $!\\n" }
    print "here\\n";
    while (<STDIN>) {
      my ($verb, $word) = split;
      say_it(pack 'H*', $word) if $verb eq 'say';
      if ($verb eq 'child') { my $pid = fork // die; if (!$pid) { say_it(pack 'H*', $word); sleep 60; exit } print "child $pid\\n" }
      if ($verb eq 'flood') { say_it('WATCHDOG=1') for 1 .. $word }
      if ($verb eq 'burst') { say_it("STATUS=$_") for 1 .. $word; say_it($_) for @last }
      print "done $verb\\n";
    }`,
  ],
  python3: [
    '-I',
    '-S',
    '-c',
    `import os, socket, sys, time
def tell(*words): print(*words, flush=True)
def address(path): return '\\0' + path[1:] if path.startswith('@') else path
def say(data):
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(address(os.environ['NOTIFY_SOCKET'])); s.send(data)
    except OSError as error: tell('failed', error)
if sys.argv[1] == 'hear':
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(address(sys.argv[2])); tell('bound')
    while True: tell('heard', s.recv(4096).decode())
tell('here')
for line in sys.stdin:
    verb, word = line.split()
    if verb == 'say': say(bytes.fromhex(word))
    if verb == 'child':
        pid = os.fork()
        if pid == 0: say(bytes.fromhex(word)); time.sleep(60); os._exit(0)
        tell('child', pid)
    if verb == 'flood':
        for _ in range(int(word)): say(b'WATCHDOG=1')
    if verb == 'burst':
        for i in range(int(word)): say(b'STATUS=%d' % (i + 1))
        for last in (b'STATUS=last', b'READY=1', b'READY=0', b'MAINPID=7', b'EXTEND_TIMEOUT_USEC=60000000', b'WATCHDOG=1', b'STOPPING=1'): say(last)
    tell('done', verb)`,
  ],
};

const here = ['perl', 'python3'].filter((name) => findProgram(name, process.env) !== undefined);

async function speaker(name: string, socketPath: string, words = ['speak', '']): Promise<Child> {
  const program = findProgram(name, process.env) ?? '';
  const child = scratch.run([program, ...(speakers[name] ?? []), ...words], {
    detached: true, // leads a session, as workers do
    env: { NOTIFY_SOCKET: socketPath },
  });
  await child.says(words[0] === 'hear' ? 'bound' : 'here');
  return child;
}

async function say(child: Child, text: string | Buffer, verb = 'say'): Promise<void> {
  child.send(`${verb} ${Buffer.from(text).toString('hex')}`);
  await child.says(`done ${verb}`);
}

/** A sender that is recorded as the process of this instance. */
async function worker(name: string, socketPath: string, instance: string): Promise<Child> {
  const child = await speaker(name, socketPath);
  record(child.pid, instance);
  return child;
}

function record(pid: number, instance: string, ticks = 0): void {
  const found = readProcess(pid);
  if (found === undefined) throw new Error('it is gone');
  writeRecord(scratch.folder(), {
    pid,
    startTime: found.startTime - ticks,
    bootId: found.bootId,
    instance,
    runId: 'abcdef0123456789',
    shimPid: 0,
    startedAt: momentOf(1),
    commandDigest: '0123456789ab',
    stopSignal: 'TERM',
    log: { path: '/dev/null', offset: 0 },
  });
}

/** Listens with this interpreter; `heard` returns the messages that match, once there is one. */
async function listener(
  name: string,
  stateDir = scratch.folder(),
): Promise<{
  socket: NotifySocket;
  path: string;
  messages: NotifyMessage[];
  heard: (test?: (message: NotifyMessage) => boolean) => Promise<NotifyMessage>;
}> {
  const messages: NotifyMessage[] = [];
  const env = { ...process.env, WORKERCTL_NOTIFY: name };
  const socket = await openNotifySocket(stateDir, (message) => messages.push(message), env);
  if (socket.kind === 'unavailable') throw new Error(socket.problem);
  open.push(socket);
  return {
    socket,
    path: socket.environmentFor('mail.1')['NOTIFY_SOCKET'] ?? '',
    messages,
    heard: (test = () => true) => until('a message', () => messages.find(test)),
  };
}

const helperOf = (path: string): number | undefined =>
  allPids().find((pid) => isAlive(pid) && strings(pid, 'cmdline').includes(path));

test('without perl and python3, it must say that messages of workers are not received', async () => {
  vi.mocked(findProgram).mockReturnValue(undefined);
  const problem = 'messages of workers (sd_notify) are not received: install perl or python3';
  const env = { WORKERCTL_NOTIFY: '' };
  expect(await openNotifySocket(scratch.folder(), () => undefined, env)).toEqual({
    kind: 'unavailable',
    problem,
  });
  expect(describeNotify(env)).toEqual({ name: 'none', trust: problem });
  expect(await notifySystemd('READY=1', { NOTIFY_SOCKET: '/nowhere' })).toEqual({
    kind: 'failed',
    problem,
  });
});

test('a helper that does not work must be reported', async () => {
  vi.mocked(findProgram).mockReturnValue('/bin/false');
  const found = await openNotifySocket(scratch.folder(), () => undefined, {});
  expect(found).toEqual({
    kind: 'unavailable',
    problem: 'perl: it ended with exit status 1; python3: it ended with exit status 1',
  });
});

describe('WORKERCTL_NOTIFY', () => {
  test('none must receive nothing', async () => {
    const env = { WORKERCTL_NOTIFY: 'none' };
    const found = await openNotifySocket(scratch.folder(), () => undefined, env);
    expect(found).toMatchObject({ kind: 'unavailable' });
    expect(describeNotify(env).trust).toContain('WORKERCTL_NOTIFY=none');
  });

  test('any other must be refused', () => {
    expect(() => describeNotify({ WORKERCTL_NOTIFY: 'ruby' })).toThrow(
      new WorkerctlError('usage', 'WORKERCTL_NOTIFY: expected perl, python3 or none, found "ruby"'),
    );
  });
});

test('the first interpreter that exists must be used', () => {
  expect(describeNotify({ WORKERCTL_NOTIFY: '' }).name).toBe(here[0] ?? 'none');
});

describe('the path', () => {
  test('must be in the state directory', () => {
    expect(notifySocketPath(scratch.folder())).toBe(scratch.path('notify.sock'));
  });

  test('of a state directory with a long name must fit into an address, and be unique', () => {
    const [a, b] = ['a', 'b'].map((name) => notifySocketPath(`/srv/${name.repeat(100)}`));
    expect(a).toMatch(/^\/tmp\/workerctl-\d+\/[0-9a-f]{16}\.sock$/);
    expect(a).not.toBe(b);
  });
});

describe('a worker that another command starts', () => {
  test('must not be given a socket on which nothing receives', async () => {
    expect(await notifyEnvironment(scratch.folder())).toEqual({});
    scratch.write('notify.sock', '');
    expect(await notifyEnvironment(scratch.folder())).toEqual({});
  });
});

if (here.length === 0) {
  test('the rest of this file is skipped: this host has neither perl nor python3', () => {
    expect(describeNotify({}).name).toBe('none');
  });
}

describe.each(here)('received by %s', (name) => {
  test('a worker must be identified by its session', async () => {
    const { path, heard, messages } = await listener(name);
    const mail = await worker(name, path, 'mail.1');
    const other = await worker(name, path, 'mail.2');
    await say(mail, 'READY=1\nSTATUS=job 212\nMAINPID=7\nX_OWN=1');
    expect(await heard()).toEqual({
      pid: mail.pid,
      instance: 'mail.1',
      fields: { ready: true, status: 'job 212', mainPid: 7 },
    });
    await say(other, 'STOPPING=1');
    await say(mail, 'WATCHDOG=1');
    await until('all', () => messages.length === 3);
    expect(messages.slice(1)).toEqual([
      { pid: other.pid, instance: 'mail.2', fields: { stopping: true } },
      { pid: mail.pid, instance: 'mail.1', fields: { watchdog: 'alive' } },
    ]);
  });

  test('a child must send for its worker, but not name the main process', async () => {
    const { path, heard } = await listener(name);
    const mail = await worker(name, path, 'mail.1');
    await say(mail, 'READY=1\nMAINPID=7', 'child');
    const { pid, ...rest } = await heard();
    expect(mail.heard()).toContain(`child ${pid}`);
    expect(rest).toEqual({ instance: 'mail.1', fields: { ready: true } });
  });

  test('a process without an instance must count for none', async () => {
    const { path, heard } = await listener(name);
    await worker(name, path, 'mail.1');
    const stranger = await speaker(name, path);
    await say(stranger, 'READY=1');
    expect(await heard()).toEqual({ pid: stranger.pid, fields: { ready: true } });
  });

  test('a reused pid must count for no instance', async () => {
    const { path, heard } = await listener(name);
    const stranger = await speaker(name, path);
    record(stranger.pid, 'mail.1', 100);
    await say(stranger, 'READY=1');
    expect(await heard()).toEqual({ pid: stranger.pid, fields: { ready: true } });
  });

  test('an old process beside its replacement must keep its own name', async () => {
    const { path, heard } = await listener(name);
    const old = await worker(name, path, 'mail.1');
    await say(old, 'WATCHDOG=1');
    expect(await heard()).toMatchObject({ instance: 'mail.1' });
    moveAside(scratch.folder(), 'mail.1', 'abcdef0123456789');
    await worker(name, path, 'mail.1');
    await say(old, 'STOPPING=1');
    expect(await heard(({ fields }) => fields.stopping === true)).toMatchObject({
      pid: old.pid,
      instance: 'mail.1',
      retiring: 'abcdef0123456789',
    });
  });

  test('meaningless messages must do no harm; those that are too long must be counted', async () => {
    const { path, heard, messages, socket } = await listener(name);
    const mail = await worker(name, path, 'mail.1');
    const nonsense = ['', '\n', 'READY', 'BARRIER=1', Buffer.alloc(4096, 0xff), 'READY=1\0x=1'];
    for (const text of nonsense) if (text !== '') await say(mail, text);
    await say(mail, `READY=1\n${'x'.repeat(4089)}`);
    await say(mail, `STATUS=${'x'.repeat(4089)}`);
    expect(await heard()).toMatchObject({ fields: { status: 'x'.repeat(200) } });
    expect(messages).toHaveLength(1);
    await until('the count', () => /messages dropped .*: 1$/.test(socket.describe().trust));
    expect(readDropped(scratch.folder())?.count).toBe(1);
  });

  test('a flood must be limited, and not silence the others', async () => {
    const { path, heard, messages, socket } = await listener(name);
    const noisy = await worker(name, path, 'mail.1');
    const mail = await worker(name, path, 'mail.2');
    noisy.send('flood 20000');
    await heard();
    await say(mail, 'READY=1');
    await heard(({ instance }) => instance === 'mail.2');
    await noisy.says('done flood');
    expect(messages.length).toBeLessThan(10_000);
    expect(socket.describe().trust).not.toContain('dropped');
  });

  test.each([99, 100, 1_000, 20_000])(
    'a burst of %d STATUS must not cost the message of another kind that follows it',
    async (count) => {
      const { path, heard, messages, socket } = await listener(name);
      const mail = await worker(name, path, 'mail.1');
      mail.send(`burst ${count}`);
      await mail.says('done burst');
      await heard(({ fields }) => fields.stopping === true);
      const said = Object.assign({}, ...messages.map(({ fields }) => fields)) as object;
      expect(said).toEqual({
        status: 'last',
        ready: true,
        mainPid: 7,
        extendTimeout: 60_000,
        watchdog: 'alive',
        stopping: true,
      });
      // One by one up to a limit in each second, and ten times a second from then on.
      expect(messages.length).toBeLessThan(1_500);
      expect(socket.describe().trust).not.toContain('dropped');
      expect(readDropped(scratch.folder())).toBeUndefined();
    },
  );

  test('what a reader that does not read has missed must reach it when it reads again', async () => {
    const parent = scratch.run(
      scratch.program(`
        import { openNotifySocket } from './sockets/notify-socket.ts';
        openNotifySocket(process.env.SCRATCH, ({ fields }) => {
          if (fields.ready) console.log('ready', fields.status);
        }).then(({ kind }) => console.log(kind));
        setInterval(() => undefined, 1000);
      `),
      { env: { WORKERCTL_NOTIFY: name } },
    );
    await parent.says('open');
    process.kill(parent.pid, 'SIGSTOP');
    const many = await Promise.all(
      Array.from({ length: 20 }, () => speaker(name, scratch.path('notify.sock'))),
    );
    for (const mail of many) mail.send('burst 1000');
    for (const mail of many) await mail.says('done burst');
    process.kill(parent.pid, 'SIGCONT');
    await until('all', () => parent.heard().match(/ready/g)?.length === many.length);
  });

  test('no other user must be able to send, unless the watch is root’s', async () => {
    const { path } = await listener(name);
    expect((statSync(path).mode & 0o777).toString(8)).toBe(
      process.geteuid?.() === 0 ? '666' : '600',
    );
  });

  test('a socket that was left behind must be replaced', async () => {
    const left = await speaker(name, '', ['hear', scratch.path('notify.sock')]);
    await endProcess(left.pid);
    expect(existsSync(scratch.path('notify.sock'))).toBe(true);
    expect(await notifyEnvironment(scratch.folder())).toEqual({});
    const { path, heard } = await listener(name);
    await say(await speaker(name, path), 'READY=1');
    await heard();
  });

  test('a second listener must take over, and stay when the first ends', async () => {
    const first = await listener(name);
    const second = await listener(name);
    await first.socket.close();
    expect(await notifyEnvironment(scratch.folder())).toEqual({ NOTIFY_SOCKET: second.path });
    await say(await speaker(name, second.path), 'READY=1');
    await second.heard();
    expect(first.messages).toEqual([]);
  });

  test('it must leave nothing behind when it is closed', async () => {
    const { path, socket } = await listener(name);
    expect(await notifyEnvironment(scratch.folder())).toEqual({ NOTIFY_SOCKET: path });
    await socket.close();
    expect(socket.environmentFor('mail.1')).toEqual({});
    expect(existsSync(path)).toBe(false);
    expect(helperOf(path)).toBeUndefined();
  });

  test('a helper that dies must be replaced', async () => {
    const { path, heard, socket } = await listener(name);
    const mail = await worker(name, path, 'mail.1');
    const helper = await until('the helper', () => helperOf(path));
    process.kill(helper, 'SIGTERM'); // as systemd does to all of a service: it stays
    await say(mail, 'WATCHDOG=1');
    await heard();
    await endProcess(helper);
    await until('the news', () => Object.keys(socket.environmentFor('mail.1')).length === 0);
    expect(socket.describe().trust).toContain('its helper has exited');
    await until('another', () => socket.environmentFor('mail.1')['NOTIFY_SOCKET'] === path);
    await say(mail, 'READY=1');
    expect(await heard(({ fields }) => fields.ready === true)).toMatchObject({
      instance: 'mail.1',
    });
    expect(socket.describe().trust).toContain('helper restarts: 1');
  });

  test('the helper must exit with its parent, however that ends', async () => {
    const parent = scratch.run(
      scratch.program(`
        import { openNotifySocket } from './sockets/notify-socket.ts';
        openNotifySocket(process.env.SCRATCH, () => undefined).then(({ kind }) => console.log(kind));
        setInterval(() => undefined, 1000);
      `),
      { env: { WORKERCTL_NOTIFY: name } },
    );
    await parent.says('open');
    const path = scratch.path('notify.sock');
    const helper = await until('the helper', () => helperOf(path));
    await endProcess(parent.pid);
    await until('its end', () => !isAlive(helper));
    expect(existsSync(path)).toBe(false);
  });

  test('a reader that does not read must not hold up a worker', async () => {
    const parent = scratch.run(
      scratch.program(`
        import { openNotifySocket } from './sockets/notify-socket.ts';
        openNotifySocket(process.env.SCRATCH, () => undefined).then(({ kind }) => console.log(kind));
        setInterval(() => undefined, 1000);
      `),
      { env: { WORKERCTL_NOTIFY: name } },
    );
    await parent.says('open');
    process.kill(parent.pid, 'SIGSTOP');
    const many = await Promise.all(
      Array.from({ length: 4 }, () => speaker(name, scratch.path('notify.sock'))),
    );
    for (const mail of many) mail.send('flood 1500');
    for (const mail of many) await mail.says('done flood');
    expect(many.map((mail) => mail.heard()).join('')).not.toContain('failed');
  });

  test('workers of a state directory with a long name must be received, too', async () => {
    const long = scratch.path('x'.repeat(120));
    mkdirSync(long);
    const { path, heard, socket } = await listener(name, long);
    expect(path).toMatch(/^\/tmp\/workerctl-/);
    await say(await speaker(name, path), 'READY=1');
    await heard();
    await socket.close();
    expect(existsSync(path)).toBe(false);
  });

  test('a directory in /tmp that is another user’s must be refused', async () => {
    const long = scratch.path('x'.repeat(120));
    mkdirSync(long);
    vi.spyOn(process, 'geteuid').mockReturnValue(4_242_424); // what is created now does not belong to that user
    try {
      await expect(listener(name, long)).rejects.toThrow(
        'expected a directory of user 4242424 to which no other user can write',
      );
      expect(await notifyEnvironment(long)).toEqual({});
    } finally {
      vi.restoreAllMocks();
      rmSync('/tmp/workerctl-4242424', { recursive: true, force: true });
    }
  });

  test('a missing state directory must be reported', async () => {
    const below = `${scratch.write('file', '')}/state`;
    await expect(listener(name, below)).rejects.toThrow('ENOTDIR: not a directory');
  });
});

describe.each(here)('sent to systemd by %s', (name) => {
  const envOf = (address: string): NodeJS.ProcessEnv => ({
    NOTIFY_SOCKET: address,
    WORKERCTL_NOTIFY: name,
  });
  // Root may send in the name of any process.
  const as = process.geteuid?.() === 0 ? 'us' : 'helper';

  test.each(['path', 'abstract'])('a state must arrive (%s)', async (kind) => {
    const path = scratch.path('systemd.sock');
    const address = kind === 'path' ? path : `@${path}`;
    const systemd = await speaker(name, '', ['hear', address]);
    expect(await notifySystemd('READY=1\nSTATUS=Zähler', envOf(address))).toEqual({
      kind: 'sent',
      as,
    });
    await systemd.says('heard READY=1\nSTATUS=Zähler');
  });

  test('it must go through the resident helper, in order, and as the parent if permitted', async () => {
    const systemd = await listener(name);
    const folder = scratch.path('watch');
    mkdirSync(folder);
    await listener(name, folder);
    const env = envOf(systemd.path);
    const states = ['READY=1', 'STATUS=1', 'STATUS=2', 'STOPPING=1'];
    expect(await Promise.all(states.map((state) => notifySystemd(state, env)))).toEqual(
      states.map(() => ({ kind: 'sent', as })),
    );
    await until('all', () => systemd.messages.length === states.length);
    expect(systemd.messages.map(({ fields }) => fields)).toEqual([
      { ready: true },
      { status: '1' },
      { status: '2' },
      { stopping: true },
    ]);
    const speakers = new Set(systemd.messages.map(({ pid }) => pid));
    expect([...speakers]).toEqual([as === 'us' ? process.pid : helperOf(`${folder}/notify.sock`)]);
  });

  test('a helper that hangs must not hold up what is said to systemd', async () => {
    const systemd = await listener(name);
    const folder = scratch.path('watch');
    mkdirSync(folder);
    await listener(name, folder);
    const helper = await until('the helper', () => helperOf(`${folder}/notify.sock`));
    process.kill(helper, 'SIGSTOP');
    expect(await notifySystemd('STOPPING=1', envOf(systemd.path))).toEqual({
      kind: 'failed',
      problem: 'it has not answered for 3 s',
    });
  });

  test('a socket without a reader must be reported', async () => {
    expect(await notifySystemd('READY=1', envOf(scratch.path('none')))).toEqual({
      kind: 'failed',
      problem: 'No such file or directory',
    });
  });

  test('the watchdog must get signs of life until they are stopped', async () => {
    const systemd = await listener(name);
    const stop = feedSystemdWatchdog({ ...envOf(systemd.path), WATCHDOG_USEC: '100000' });
    await until('two', () => systemd.messages.length >= 2);
    stop();
    expect(systemd.messages[0]?.fields).toEqual({ watchdog: 'alive' });
  });
});

test.each([{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: 'vsock:2:1234' }])(
  'without a systemd that listens, nothing must be sent: %j',
  async (env) => {
    expect(await notifySystemd('READY=1', env)).toEqual({ kind: 'off' });
    feedSystemdWatchdog({ ...env, WATCHDOG_USEC: '1000' })();
  },
);
