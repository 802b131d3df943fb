// The page in a real browser: Debian's Chromium without a window. WORKERCTL_PICTURES=1 writes the pictures of docs/page.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser, type Browser, type BrowserPage } from '../rig/browser.ts';
import { booted } from '../rig/instance.ts';
import { freePort } from '../rig/port.ts';
import { fixture } from '../rig/programs.ts';
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
  const paint = await page.firstPaint();
  console.log(`first paint of 200 instances after ${paint.toFixed(0)} ms`);
  expect(paint).toBeGreaterThan(0);
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

test('the pictures of the documents can be made', async () => {
  const { rig, port, url } = await served(3);
  await watching(rig, '--http', `127.0.0.1:${port}`);
  writeFileSync(rig.path('mail.2.job'), 'job 212\n');
  for (const isDark of [false, true]) {
    const page = await browser.open(url, { width: 1100, height: 640, isDark });
    await until('a job', async () => (await textOf(page)).includes('job 212'));
    const picture = await page.screenshot();
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    if (process.env['WORKERCTL_PICTURES'] !== '1') continue;
    const folder = fileURLToPath(new URL('../../docs/pictures', import.meta.url));
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/page-${isDark ? 'dark' : 'light'}.png`, picture);
  }
});
