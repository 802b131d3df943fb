// Notifications to a real server: one message for many events, nothing lost and nothing shown that is secret.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openInbox, type Inbox } from '../rig/inbox.ts';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { allPids, endProcess, strings } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

interface Message {
  readonly text: string;
  readonly subject: string;
  readonly level: string;
  readonly missed_events: number;
  readonly events: readonly (Readonly<Record<string, unknown>> & {
    readonly id: string;
    readonly occasion: string;
    readonly instance: string;
  })[];
}

let inbox: Inbox;
beforeEach(async () => {
  inbox = await openInbox();
});
afterEach(() => inbox.close());

const messages = (): Message[] => inbox.received.map(({ body }) => JSON.parse(body) as Message);

/** Workers whose deaths are told of; the address is in a file that only its owner can read. */
async function told(count = 1, notify: object = {}, keys: WorkerKeys = {}): Promise<Rig> {
  const rig = createRig();
  writeFileSync(rig.path('url'), `${inbox.url}\n`, { mode: 0o600 });
  const top = { notify: { on: ['died'], webhook: { url: { file: 'url' } }, ...notify } };
  const mail = { command: fixture('drains-after-job'), backoff: { initial: '1ms' }, count };
  rig.configure({ mail: { ...mail, ...keys } }, top);
  await rig.start();
  return rig;
}

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `mail.${index + 1}`);

async function killAll(rig: Rig, count = 1): Promise<void> {
  for (const name of names(count)) {
    const pid = rig.instance(name).boots().at(-1) ?? 0;
    await endProcess(pid);
    await rig.instance(name).left(pid);
  }
}

/** It gathers events for a shorter time. */
const hasty = { WORKERCTL_TEST_GATHER_MS: '10' };

const spool = (rig: Rig): string => join(rig.stateDir, 'hooks/notify');

/** Sets when the next attempt is due, in ms from now. */
function setDue(rig: Rig, inMs: number): void {
  const path = join(spool(rig), 'failing');
  const failing = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const next = new Date(Date.now() + inMs).toISOString();
  writeFileSync(path, JSON.stringify({ ...failing, next_at: next }));
}

/** As after the pause. */
const makeDue = (rig: Rig): void => {
  setDue(rig, -1);
};

/** A pause that no slow machine outlasts. */
const postpone = (rig: Rig): void => {
  setDue(rig, 600_000);
};

test('many deaths at once must come in one message, with the headers of a file', async () => {
  const rig = await told(5, {
    webhook: { url: { file: 'url' }, headers: { file: 'headers' } },
  });
  writeFileSync(rig.path('headers'), '# of the relay\nAuthorization: Bearer t0k3n\n', {
    mode: 0o600,
  });
  await killAll(rig, 5);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  const [message] = messages();
  expect(messages()).toHaveLength(1);
  expect(message).toMatchObject({ schema: 2, kind: 'notification', level: 'error' });
  expect(message?.events.map(({ instance }) => instance).sort()).toEqual(names(5));
  expect(message?.events[0]).toMatchObject({ kind: 'died', occasion: 'died' });
  expect(message?.events[0]).not.toHaveProperty('log');
  expect(message?.text.split('\n')).toHaveLength(5);
  expect(inbox.received[0]?.headers['authorization']).toBe('Bearer t0k3n');
  expect(existsSync(join(rig.stateDir, 'hooks'))).toBe(false);
  expect(rig.journal('notified')).toMatchObject([{ event_count: 5 }]);
  await rig.workerctl('bootcheck');
  expect(messages()).toHaveLength(1);
});

test('what cannot be delivered must be kept, tried later and later, and delivered with what came meanwhile', async () => {
  // On a slow host the time for the result of a job would end meanwhile, and a bootcheck would say so.
  const rig = await told(1, {}, { lost_grace: '1h' });
  inbox.answer(503);
  await killAll(rig);
  const first = await rig.workerctl('bootcheck');
  expect(first.exitCode).toBe(0);
  expect(first.all).toContain('503');
  await booted(rig.instance('mail.1'));
  postpone(rig);
  await rig.workerctl('bootcheck');
  expect(inbox.received).toHaveLength(1);
  const { stdout } = await rig.workerctl('doctor');
  expect(stdout).toMatch(/notif[^]*503/);
  makeDue(rig);
  // The second failure in a row is no news.
  expect((await rig.workerctl('bootcheck')).all).toBe('');
  expect(inbox.received).toHaveLength(2);
  postpone(rig);
  await until('another process', () => rig.instance('mail.1').boots().length === 2);
  await killAll(rig);
  await rig.workerctl('bootcheck');
  expect(inbox.received).toHaveLength(2);
  inbox.answer(200);
  makeDue(rig);
  await rig.workerctl('bootcheck');
  expect(messages().at(-1)?.events).toHaveLength(2);
  expect(existsSync(join(rig.stateDir, 'hooks'))).toBe(false);
  const attempts = rig.journal('notified').map(({ attempts: one }) => one);
  expect(attempts).toEqual([1, 2, undefined]);
});

test('a command that is killed after any of its effects must cost no message', async () => {
  for (let effects = 1; ; effects += 1) {
    const rig = await told();
    await killAll(rig);
    const before = inbox.received.length;
    const env = { WORKERCTL_TEST_DIE_AFTER: String(effects), ...hasty };
    const { signal } = await rig.workerctlWith(env, 'bootcheck');
    await until('no event to wait', async () => {
      await rig.workerctlWith(hasty, 'bootcheck');
      return !existsSync(join(rig.stateDir, 'hooks'));
    });
    const ids = messages()
      .slice(before)
      .flatMap(({ events }) => events.map(({ id }) => id));
    expect(new Set(ids).size, `killed after ${effects}`).toBe(1);
    if (signal !== 'SIGKILL') break;
    rmSync(rig.path('url'));
  }
});

test('a watch must deliver without waiting in a pass, and try again by itself', async () => {
  const rig = await told(2, { timeout: '300ms' });
  inbox.answer('never');
  const watch = await watching(rig);
  await killAll(rig, 1);
  // The replacement starts while the message waits for its answer.
  await until('its replacement', () => rig.instance('mail.1').boots().length === 2);
  await until('a first request', () => inbox.received.length === 1);
  const ours = allPids().filter((pid) => strings(pid, 'environ').includes(`RIG=${rig.folder}`));
  expect(ours).toContain(watch.pid);
  for (const pid of ours) expect(strings(pid, 'cmdline').join(' ')).not.toContain('s3cr3t');
  await until('a first attempt', () => rig.journal('notified').length > 0);
  inbox.answer(200);
  await until('the next one', () => rig.journal('notified').length > 1);
  expect(rig.journal('notified').at(-1)).not.toHaveProperty('problem');
  expect(watch.running.exitCode).toBeNull();
});

/** All that commands print or keep of it. */
async function saidOf(rig: Rig): Promise<string> {
  const all = [];
  for (const command of [['check'], ['doctor'], ['events'], ['status'], ['bootcheck', '-v']])
    all.push((await rig.workerctl(...command)).all);
  const files = execFileSync('grep', ['-rl', 's3cr3t', rig.stateDir, '--exclude=config'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  } as const);
  return `${all.join('\n')}${files}`;
}

test.each<[string, (rig: Rig) => unknown, RegExp]>([
  [
    'redirects',
    () => {
      inbox.answer(307, { location: `${inbox.url}/elsewhere` });
    },
    /307.*not followed/,
  ],
  ['is gone', () => inbox.close(), /no connection/],
  [
    'is on another host without TLS',
    (rig) => {
      writeFileSync(rig.path('url'), 'http://example.invalid/s3cr3t', { mode: 0o600 });
    },
    /neither https/,
  ],
  [
    'has an address that all can read',
    (rig) => {
      execFileSync('chmod', ['644', rig.path('url')]);
    },
    /chmod 600/,
  ],
  [
    'has no address',
    (rig) => {
      rmSync(rig.path('url'));
    },
    /ENOENT/,
  ],
])('a server that %s must be a named failure, without any secret', async (_, breakIt, problem) => {
  const rig = await told();
  await breakIt(rig);
  await killAll(rig);
  const { exitCode, all } = await rig.workerctl('bootcheck');
  expect(exitCode).toBe(0);
  expect(all).toMatch(problem);
  const said = await saidOf(rig).catch((error: unknown) => {
    // grep(1) has found nothing.
    if ((error as { status?: number }).status === 1) return '';
    throw error;
  });
  expect(said).not.toContain('s3cr3t');
  const doctor = await rig.workerctl('doctor');
  expect(doctor.stdout).toMatch(problem);
});

test('a certificate must be checked, unless its CA was named', async () => {
  const rig = await told();
  const folder = rig.folder;
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
    ].concat(['-days', '2', '-subj', '/CN=inbox', '-addext', 'subjectAltName=IP:127.0.0.1']),
    { cwd: folder, stdio: 'ignore' },
  );
  const pem = (name: string): string => readFileSync(rig.path(name), 'utf8');
  const secure = await openInbox({ key: pem('key.pem'), cert: pem('cert.pem') });
  try {
    writeFileSync(rig.path('url'), secure.url, { mode: 0o600 });
    await killAll(rig);
    const unsafe = { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_EXTRA_CA_CERTS: '' };
    const refused = await rig.workerctlWith(unsafe, 'bootcheck');
    expect(refused.all).toMatch(/certificate is not trusted.*NODE_EXTRA_CA_CERTS/);
    expect(secure.received).toEqual([]);
    makeDue(rig);
    await rig.workerctlWith({ NODE_EXTRA_CA_CERTS: rig.path('cert.pem') }, 'bootcheck');
    expect(secure.received).toHaveLength(1);
  } finally {
    await secure.close();
  }
});

test('a command must get the message, and be tried again if it fails', async () => {
  const script =
    '[ -e fine ] || { echo "no relay: password=s3cr3t" >&2; exit 75; }; echo "$WORKERCTL_SUBJECT" >subject; cat >got';
  const rig = await told(2, { webhook: undefined, command: ['sh', '-c', script] });
  await killAll(rig, 2);
  const { all } = await rig.workerctl('bootcheck');
  expect(all).toMatch(/notify\.command: exit status 75: no relay/);
  expect(all).not.toContain('s3cr3t');
  writeFileSync(rig.path('fine'), '');
  makeDue(rig);
  await rig.workerctl('bootcheck');
  const message = JSON.parse(readOr(rig.path('got'), '{}')) as Message;
  expect(message.events).toHaveLength(2);
  expect(readOr(rig.path('subject'), '').trim()).toBe(message.subject);
  expect(message.subject).toMatch(/ \(and 1 more\)$/);
});

test('slack must get a text, and sentry an envelope by its DSN', async () => {
  const rig = await told(1, { webhook: { url: { env: 'HOOK' }, format: 'slack' } });
  await killAll(rig);
  const unset = await rig.workerctl('bootcheck');
  expect(unset.all).toContain('HOOK is not set');
  makeDue(rig);
  await rig.workerctlWith({ HOOK: inbox.url }, 'bootcheck');
  expect(JSON.parse(inbox.received[0]?.body ?? '')).toEqual({
    text: expect.stringMatching(/^\S+: mail\.1: pid \d+ died unexpectedly/) as string,
  });

  await until('another process', () => rig.instance('mail.1').boots().length === 2);
  rig.configure(
    { mail: { command: fixture('drains-after-job') } },
    { notify: { on: ['died'], webhook: { url: { env: 'HOOK' }, format: 'sentry' } } },
  );
  await killAll(rig);
  const dsn = inbox.url.replace('http://', 'http://k3y@').replace(/\/services.*/, '/sub/42');
  await rig.workerctlWith({ HOOK: dsn }, 'bootcheck');
  const { path, headers, body } = inbox.received[1] ?? { path: '', headers: {}, body: '' };
  expect(path).toBe('/sub/api/42/envelope/');
  expect(headers['x-sentry-auth']).toMatch(/sentry_version=7.*sentry_key=k3y$/);
  const lines = body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines).toMatchObject([
    { event_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string },
    { type: 'event' },
    { level: 'error', logger: 'workerctl', tags: { occasion: 'died' } },
  ]);
});

test('no more than 1000 events must wait, and what was not kept must be counted', async () => {
  const rig = await told();
  inbox.answer(500);
  await killAll(rig);
  await rig.workerctl('bootcheck');
  postpone(rig);
  const [name = ''] = execFileSync('ls', [spool(rig)], { encoding: 'utf8' })
    .split('\n')
    .filter((one) => one.endsWith('.json'));
  const text = readFileSync(join(spool(rig), name), 'utf8');
  for (let index = 1; index < 1000; index += 1)
    writeFileSync(join(spool(rig), `died.${String(index)}.json`), text);
  await until('another process', () => rig.instance('mail.1').boots().length === 2);
  await killAll(rig);
  await rig.workerctl('bootcheck');
  inbox.answer(200);
  makeDue(rig);
  await rig.workerctl('bootcheck');
  const delivered = messages().slice(1);
  expect(delivered[0]).toMatchObject({ missed_events: 1 });
  expect(delivered.slice(1).every(({ missed_events: missed }) => missed === 0)).toBe(true);
  expect(delivered.flatMap(({ events }) => events)).toHaveLength(1000);
  expect(existsSync(join(rig.stateDir, 'hooks'))).toBe(false);
});
