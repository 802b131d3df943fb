import { build } from 'esbuild';
import { renderPage } from 'workerctl-page';
import { describe, expect, test } from 'vitest';
import { momentOf } from '../../src/core/basics/time.ts';
import { logLinesOf, type PageInstance, type PageView } from '../../src/core/views/page-view.ts';

const now = momentOf(Date.parse('2026-11-29T12:00:00Z'));

const evil = `</td><script>alert(1)</script>"' onload=x <img src=x onerror=alert(1)>`;

const instance = (name: string, more: Partial<PageInstance> = {}): PageInstance => ({
  ...{ name, state: 'ready', pid: 100, since: momentOf(now - 7_500_000), release: 'a1b2c3d' },
  ...more,
});

const viewOf = (instances: readonly PageInstance[], more: Partial<PageView> = {}): PageView => ({
  ...{ host: 'web1', config: '/srv/app/workerctl.yaml', version: '0.1.0', at: now, offset: 60 },
  problems: [],
  totals: {
    ...{ wanted: instances.length, up: instances.length, ready: instances.length },
    ...{ quiet: 0, done: 0, busy: 0, isShort: false },
  },
  workers: [{ name: 'mail', wanted: instances.length, instances }],
  rollouts: [],
  events: [],
  day: {
    levels: [3, 1, 3].map((ready, index) => ({
      ...{ at: momentOf(now - (9 - index) * 300_000), end: momentOf(now - (8 - index) * 300_000) },
      ...{ wanted: 3, ready },
    })),
    restarts: Array.from({ length: 24 }, (_, index) => ({ all: index % 3, unexpected: index % 2 })),
    drains: [{ worker: 'mail', seconds: [1, 4.5, 60] }],
  },
  ...more,
});

test('an instance must be shown with all that is known of it', () => {
  const busy = instance('mail.2', {
    job: 'job 212',
    jobSince: momentOf(now - 130_000),
    moreJobs: 2,
    memory: 5e7,
    cpu: 0.42,
  });
  const html = renderPage(viewOf([instance('mail.1'), busy]));
  for (const words of [
    '2 of 2 ready',
    'job 212 for 2m 10s +2',
    '2h 5m',
    '48MB',
    '42%',
    'a1b2c3d',
    'href="/instance/mail.2"',
    'at worst 2 instances short',
  ])
    expect(html).toContain(words);
});

describe('texts of others', () => {
  const event = { at: now, instance: evil, kind: evil, level: 'error', text: evil } as const;
  const member = { instance: evil, state: 'draining', detail: evil } as const;
  const counts = { replaced: 1, under_way: 1, waiting: 1, failed: 0 };
  const view = viewOf([instance('mail.1', { job: evil, note: evil, release: evil })], {
    ...{ host: evil, config: evil, problems: [evil], events: [event] },
    rollouts: [{ id: evil, state: 'running', words: evil, counts, members: [member] }],
    day: { levels: [], restarts: [], drains: [{ worker: evil, seconds: [1] }] },
    workers: [{ name: evil, wanted: 1, release: evil, instances: [instance(evil, { job: evil })] }],
  });

  test.each([
    ['the overview', view],
    [
      'an instance',
      { ...view, focus: { instance: evil, isUnknown: false, log: [evil], logProblem: evil } },
    ],
  ])('must be text on the page of %s', (_, shown) => {
    const html = renderPage(shown).replace('<script src="/page.js" defer></script>', '');
    expect(html).not.toMatch(/<script|<img|<\/td><script/i);
    // Nothing has broken out of an attribute: without their values, all tags are plain.
    for (const tag of html.match(/<[a-z](?:"[^"]*"|[^">])*>/gi) ?? [])
      expect(tag.replaceAll(/"[^"]*"/g, '')).toMatch(
        /^<[a-z0-9]+(?: (?!on|style)[a-zA-Z-]+=?)*\/?>$/,
      );
  });

  test('must have no control characters in a log, and no line without end', () => {
    expect(logLinesOf(['\u001b[31mred\u001b[0m\r', 'a\u009b2J', 'x'.repeat(9_000)])).toEqual([
      '^[[31mred^[[0m',
      'a\\u009b2J',
      'x'.repeat(2_000),
    ]);
  });
});

test('a page must be readable without its script, which is loaded again then', () => {
  const html = renderPage(viewOf([instance('mail.1')]));
  expect(html).toContain('<noscript><meta http-equiv="refresh" content="15"/></noscript>');
  expect(html).toContain('<h2 id="events">');
  expect(html).not.toContain('type="search"');
});

test('an instance that does not exist must be said to be none', () => {
  const html = renderPage(viewOf([], { focus: { instance: 'mail.9', isUnknown: true, log: [] } }));
  expect(html).toContain('there is no such instance');
  expect(html).not.toContain('<pre');
});

test('a page with 200 instances, its script and its style must have at most 60 kB', async () => {
  const many = Array.from({ length: 200 }, (_, index) =>
    instance(`mail.${index + 1}`, {
      memory: 5e7,
      cpu: 0.42,
      ...(index < 20 && { job: 'job 212' }),
    }),
  );
  const events = Array.from({ length: 30 }, (_, index) => ({
    ...{ at: now, instance: `mail.${index}`, kind: 'started', level: 'info' as const },
    text: 'started pid 12345 (was not running)',
  }));
  const html = renderPage(viewOf(many, { events }));
  const { outputFiles } = await build({
    entryPoints: ['src/page/client.tsx', 'src/page/page.css'],
    ...{ bundle: true, minify: true, write: false, outdir: 'unused', format: 'iife' },
  });
  const sizes = [html.length, ...outputFiles.map(({ contents }) => contents.length)];
  expect(
    sizes.reduce((sum, size) => sum + size, 0),
    sizes.join(' + '),
  ).toBeLessThan(60_000);
});
