// The page in a real browser: Debian's Chromium without a window. WORKERCTL_PICTURES=1 writes the pictures of docs/page.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser, type Browser, type BrowserPage } from '../rig/browser.ts';
import { booted } from '../rig/instance.ts';
import { atWork } from '../rig/page-scene.ts';
import { freePort } from '../rig/port.ts';
import { fixture } from '../rig/programs.ts';
import { deploy } from '../rig/releases.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

let browser: Browser;
beforeAll(() => {
  browser = startBrowser();
});
afterAll(() => browser.close());

const textOf = (page: BrowserPage): Promise<string> => page.evaluate('document.body.innerText');

const isLive = (page: BrowserPage): Promise<boolean> =>
  page.evaluate(`document.querySelector('.live.on') !== null`);

async function served(count: number): Promise<{ rig: Rig; port: number; url: string }> {
  const rig = createRig({ mail: { command: fixture('tells-its-work'), count } });
  await rig.start();
  await until('all to be ready', async () => (await rig.workerctl('status')).exitCode === 0);
  const port = await freePort();
  return { rig, port, url: `http://127.0.0.1:${port}/` };
}

test('the page must follow a death at once, survive a restart of watch, and break no rule of its policy', async () => {
  const { rig, port, url } = await served(3);
  const watch = await watching(rig, '--http', `127.0.0.1:${port}`);
  const page = await browser.open(url, { width: 1400 });
  await until('the page to be live', () => isLive(page));
  // The moment in the browser at which the death of the event is shown, against the moment of the event.
  await page.evaluate(
    `new MutationObserver(() => { if (!window.seenAt && document.body.innerText.includes('unexpectedly')) window.seenAt = Date.now(); }).observe(document.body, { subtree: true, childList: true, characterData: true })`,
  );
  process.kill(await booted(rig.instance('mail.1')), 'SIGKILL');
  const { at } = await watch.reports('died');
  const seenAt = await until('the death on the page', () =>
    page.evaluate<number>('window.seenAt ?? 0'),
  );
  console.log(`shown ${seenAt - Date.parse(at)} ms after the event`);
  expect(seenAt - Date.parse(at)).toBeLessThan(1_000);
  watch.send('SIGTERM');
  await watch.running;
  await until('the page to say so', async () => (await textOf(page)).includes('not connected'));
  await watching(rig, '--http', `127.0.0.1:${port}`);
  await until('the page to be live again', () => isLive(page));
  expect(page.problems().filter((one) => !one.includes('ERR_'))).toEqual([]);
});

test('without a script the page must show the same, and with a keyboard its log', async () => {
  const { rig, port, url } = await served(2);
  await watching(rig, '--http', `127.0.0.1:${port}`);
  const plain = await browser.open(url, { width: 1400, hasScript: false });
  const shot = await plain.screenshot();
  expect(shot.length).toBeGreaterThan(5_000);
  const page = await browser.open(`${url}instance/mail.1`, { width: 400 });
  await until('its log', async () => (await textOf(page)).includes('ready to work'));
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(400);
  expect(await page.evaluate(`document.getElementById('lines').tabIndex`)).toBe(0);
});

test('two hundred instances must be painted soon, searched, and fit into any width', async () => {
  const rig = createRig({ mail: { command: fixture('idle'), count: 200 } });
  // It waits until all are ready; a watch would start a few at a time.
  expect((await rig.act('start')).exitCode).toBe(0);
  const port = await freePort();
  await watching(rig, '--http', `127.0.0.1:${port}`);
  const url = `http://127.0.0.1:${port}/`;
  const page = await browser.open(url, { width: 1400 });
  await until('the page to be live', () => isLive(page));
  // The stream may be open before the first frame.
  await until('the first frame', async () => (await page.firstPaint()) > 0);
  const paint = await page.firstPaint();
  console.log(`first paint of 200 instances after ${paint.toFixed(0)} ms`);
  expect(paint).toBeLessThan(2_000);
  expect(await page.evaluate(`document.querySelectorAll('tbody tr').length`)).toBe(200);
  await page.key('/');
  await page.evaluate(
    `(() => { const f = document.activeElement; f.value = 'mail.19'; f.dispatchEvent(new Event('input', { bubbles: true })); })()`,
  );
  await until(
    'what is searched for',
    async () =>
      (await page.evaluate<number>(`document.querySelectorAll('tbody tr').length`)) === 11,
  );
  for (const width of [400, 1400]) {
    const narrow = await browser.open(url, { width });
    await until('the page to be live', () => isLive(narrow));
    expect(await narrow.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
      width,
    );
  }
});

/** The least contrast of a text with what is behind it, and whose text that is. */
const leastContrast = `(() => {
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } return [255, 255, 255]; };
  const all = [...document.body.querySelectorAll('*')]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length)
    .map((e) => { const [a, b] = [numbers(getComputedStyle(e).color), behind(e)].map(light).sort((x, y) => y - x); return [(a + 0.05) / (b + 0.05), e.textContent.slice(0, 40)]; });
  return all.sort(([a], [b]) => a - b)[0];
})()`;

/** What a keyboard reaches one after the other, in words. */
async function reached(page: BrowserPage, count: number): Promise<string[]> {
  const all: string[] = [];
  for (let index = 0; index < count; index += 1) {
    await page.tab();
    all.push(
      await page.evaluate(
        `(() => { const e = document.activeElement; return (e.id || e.textContent) + (getComputedStyle(e).outlineStyle === 'none' ? ' without outline' : ''); })()`,
      ),
    );
  }
  return all;
}

test('a host at work must be shown so that it can be seen, heard, reached and pictured', async () => {
  const rig = await atWork();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  await watching(rig, '--http', `127.0.0.1:${port}`);
  deploy(rig, '9f8e7d6');
  expect((await rig.workerctl('restart', '--no-wait')).exitCode).toBe(0);
  await until('old ones to drain and new ones to be ready', async () => {
    const { stdout } = await rig.workerctl('status', '--json');
    return stdout.includes('"draining"') && stdout.includes('9f8e7d6');
  });
  for (const [name, path, width, height, isDark] of [
    ['light', '', 1400, 960, false],
    ['dark', '', 1400, 960, true],
    ['narrow', '', 400, 900, false],
    ['instance', 'instance/mail.2', 1400, 640, false],
    ['instance-dark', 'instance/mail.2', 400, 900, true],
  ] as const) {
    const page = await browser.open(`${url}${path}`, { width, height, isDark });
    await until('the page to be live', () => isLive(page));
    await until('a job', async () => (await textOf(page)).includes('SendNewsletter 212'));
    if (width > 400) await until('CPU, measured twice', async () => /\d%/.test(await textOf(page)));
    const [contrast, text] = await page.evaluate<[number, string]>(leastContrast);
    expect(contrast, `${name}: ${text}`).toBeGreaterThanOrEqual(4.5);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    const picture = await page.screenshot();
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    if (process.env['WORKERCTL_PICTURES'] !== '1' || name === 'instance-dark') continue;
    const folder = fileURLToPath(new URL('../../docs/pictures', import.meta.url));
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/page-${name}.png`, picture);
  }
});

test('a screen reader must be given names and roles, and be told only what matters', async () => {
  const { rig, port, url } = await served(13);
  await watching(rig, '--http', `127.0.0.1:${port}`);
  const page = await browser.open(url, { width: 1400 });
  await until('the page to be live', () => isLive(page));
  const heard = await page.heard();
  const named = (role: string): string[] =>
    heard.filter((one) => one.role === role).map(({ name }) => name);
  expect(named('heading')[0]).toMatch(/^workerctl/);
  expect(named('table')).toEqual([expect.stringMatching(/^mail 13 of 13 ready/)]);
  expect(named('columnheader')).toEqual(['Instance', 'State', 'Job', 'Up', 'Memory', 'CPU']);
  expect(named('rowheader')).toHaveLength(13);
  expect(named('searchbox')).toEqual(['Filter instances']);
  for (const role of ['link', 'image', 'searchbox', 'table', 'region'])
    expect(named(role), role).not.toContain('');
  const live = heard.filter(
    ({ properties }) => !['off', undefined].includes(properties['live'] as string),
  );
  expect(new Set(live.map(({ role }) => role))).toEqual(new Set(['status']));
  expect(
    await page.evaluate(
      `[...document.querySelectorAll('[role=status]')].map((e) => e.textContent)`,
    ),
  ).toEqual(['13 of 13 ready', 'live']);
  expect(await reached(page, 4)).toEqual(['workerctl', 'filter', 'mail.1', 'mail.2']);
  const one = await browser.open(`${url}instance/mail.1`, { width: 1400 });
  await until('the page to be live', () => isLive(one));
  expect(await reached(one, 3)).toEqual(['workerctl', 'All workers', 'lines']);
  const log = (await one.heard()).find(({ role }) => role === 'log');
  expect(log?.name).toBe('Log');
  expect(['off', undefined], 'not each line is said').toContain(log?.properties['live']);
  const css = await (await fetch(`${url}page.css`)).text();
  expect(css, 'nothing moves, so that prefers-reduced-motion changes nothing').not.toMatch(
    /transition|animation|@keyframes|scroll-behavior/,
  );
});
