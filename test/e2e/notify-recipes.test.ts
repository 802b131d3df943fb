// The recipes of docs/notify.md as they stand there, each against what the service at the other end accepts.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readOr } from '../rig/files.ts';
import { openInbox, type Inbox } from '../rig/inbox.ts';
import { booted } from '../rig/instance.ts';
import { endProcess } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { sentryAnswer, slackAnswer } from '../rig/receivers.ts';
import { createRig, type Rig } from '../rig/rig.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/notify.md', import.meta.url)), 'utf8');

/** The config below a heading, as text. */
function recipeOf(service: string): string {
  const [, section = ''] = page.split(`\n## ${service}\n`);
  const [, config] = /^```yaml\n(.*?)^```$/ms.exec(section.split('\n## ')[0] ?? '') ?? [];
  if (config === undefined) throw new Error(`expected a recipe for ${service} in docs/notify.md`);
  return config;
}

let inbox: Inbox;
beforeEach(async () => {
  inbox = await openInbox();
});
afterEach(() => inbox.close());

/** A worker with this recipe has died; returns what the bootcheck after that has printed. */
async function deathBy(rig: Rig, recipe: string): Promise<string> {
  const mail = { command: fixture('drains-after-job'), backoff: { initial: '1ms' } };
  rig.configure({ mail }, { ...(parse(recipe) as object) });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  await endProcess(pid);
  await rig.instance('mail.1').left(pid);
  const { exitCode, all } = await rig.workerctl('bootcheck');
  expect(exitCode, all).toBe(0);
  expect(rig.journal('notified'), all).toHaveLength(1);
  return all;
}

/** The recipe with the file of its secret in the rig, where it has this text. */
function withSecret(rig: Rig, service: string, secret: string): string {
  const recipe = recipeOf(service);
  const [path = ''] = /\/etc\/[\w/-]+/.exec(recipe) ?? [];
  writeFileSync(rig.path(basename(path)), `${secret}\n`, { mode: 0o600 });
  return recipe.replace(path, rig.path(basename(path)));
}

test('Slack must accept the message', async () => {
  const rig = createRig();
  inbox.judge(slackAnswer);
  await deathBy(rig, withSecret(rig, 'Slack', inbox.url));
  expect(rig.journal('notified')[0]).not.toHaveProperty('problem');
  expect(inbox.received).toHaveLength(1);
});

test('Sentry must accept the message, by the DSN of its project', async () => {
  const rig = createRig();
  inbox.judge(sentryAnswer('42', 'k3y'));
  const dsn = `${inbox.url.replace('http://', 'http://k3y@').replace(/\/services.*/, '')}/42`;
  await deathBy(rig, withSecret(rig, 'Sentry', dsn));
  expect(rig.journal('notified')[0]).not.toHaveProperty('problem');
  expect(inbox.received).toHaveLength(1);
});

test('a receiver must refuse what its service refuses', async () => {
  const rig = createRig();
  inbox.judge(sentryAnswer('42', 'other'));
  const dsn = `${inbox.url.replace('http://', 'http://k3y@').replace(/\/services.*/, '')}/42`;
  expect(await deathBy(rig, withSecret(rig, 'Sentry', dsn))).toContain('the server answered 403');
});

test('sendmail must get one mail, with its recipient in the header', async () => {
  const rig = createRig();
  const sendmail = rig.path('sendmail');
  writeFileSync(sendmail, `#!/bin/sh\nprintf '%s ' "$@" >args\ncat >mail\n`);
  chmodSync(sendmail, 0o755);
  await deathBy(rig, recipeOf('Mail').replace('/usr/sbin/sendmail', sendmail));
  expect(rig.journal('notified')[0]).not.toHaveProperty('problem');
  // -t: the recipients are in the header; -i: a line with a dot alone does not end it.
  expect(readOr(rig.path('args'), '').trim()).toBe('-t -i');
  const [header = '', ...body] = readOr(rig.path('mail'), '').split('\n\n');
  expect(header.split('\n').map((line) => line.split(': ', 1)[0])).toEqual([
    'To',
    'Subject',
    'MIME-Version',
    'Content-Type',
  ]);
  expect(header).toMatch(/^Subject: \S+: mail\.1: pid \d+ died unexpectedly/m);
  expect(body.join('\n\n')).toMatch(/^\S+: mail\.1: pid \d+ died unexpectedly.*\n$/);
});
