// Chromium without a window, driven by the DevTools protocol over a pipe: one page of its own for each call of `open`.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export interface PageOptions {
  readonly width: number;
  readonly height?: number;
  readonly isDark?: boolean;
  readonly hasScript?: boolean;
}

export interface BrowserPage {
  /** The value of an expression in the page. */
  readonly evaluate: <T>(expression: string) => Promise<T>;
  /** The page as a PNG; `whole`: all of it, however long. */
  readonly screenshot: (whole?: boolean) => Promise<Buffer>;
  readonly key: (text: string) => Promise<void>;
  /** Presses Tab. */
  readonly tab: () => Promise<void>;
  /** What a screen reader is given, in order. */
  readonly heard: () => Promise<readonly Heard[]>;
  /** Errors of its console: what its content policy forbids, what its script throws, what cannot be loaded. */
  readonly problems: () => readonly string[];
  /** When it was first painted, in milliseconds after it was asked for. */
  readonly firstPaint: () => Promise<number>;
}

export interface Heard {
  readonly role: string;
  readonly name: string;
  /** Such as `live`, if it has that. */
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Browser {
  readonly open: (url: string, options: PageOptions) => Promise<BrowserPage>;
  readonly close: () => Promise<void>;
}

type Params = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Params;
  readonly result?: Params;
  readonly error?: { readonly message: string };
}

/** Starts Chromium; `close` ends it with all that it has started. */
export function startBrowser(): Browser {
  const profile = mkdtempSync(join(tmpdir(), 'workerctl-test-browser-'));
  const child = spawn(
    'chromium',
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      ...['--hide-scrollbars', '--remote-debugging-pipe', `--user-data-dir=${profile}`],
      ...['--no-first-run', '--disable-extensions', '--disable-background-networking'],
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true },
  );
  const { send, on } = connect(child);
  return {
    open: async (url, options) => {
      const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
      const attached = await send('Target.attachToTarget', { targetId, flatten: true });
      const session = String(attached['sessionId']);
      return openPage(
        url,
        options,
        (method, params) => send(method, params, session),
        (hear) => {
          on((message) => {
            if (message.sessionId === session) hear(message);
          });
        },
      );
    },
    close: async () => {
      const closed = new Promise((resolve) => child.once('close', resolve));
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await closed;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

type Send = (method: string, params?: Params) => Promise<Params>;
type Hear = (message: Message) => void;

async function openPage(
  url: string,
  { width, height = 900, isDark = false, hasScript = true }: PageOptions,
  send: Send,
  on: (hear: Hear) => void,
): Promise<BrowserPage> {
  const problems: string[] = [];
  let loaded: () => void = () => undefined;
  const isLoaded = new Promise<void>((resolve) => (loaded = resolve));
  on(({ method, params }) => {
    if (method === 'Page.loadEventFired') loaded();
    if (method === 'Runtime.exceptionThrown') problems.push(JSON.stringify(params));
    if (method === 'Log.entryAdded') problems.push(JSON.stringify(params));
  });
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
  await send('Emulation.setDeviceMetricsOverride', {
    width,
    height,
    deviceScaleFactor: 1,
    mobile: false,
  });
  const scheme = { name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' };
  await send('Emulation.setEmulatedMedia', { features: [scheme] });
  if (!hasScript) await send('Emulation.setScriptExecutionDisabled', { value: true });
  await send('Page.navigate', { url });
  await isLoaded;
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      ...{ expression, returnByValue: true, awaitPromise: true },
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { readonly value: T }).value;
  };
  return {
    evaluate,
    problems: () => problems,
    key: async (text) => {
      await send('Input.dispatchKeyEvent', { type: 'keyDown', text, key: text });
      await send('Input.dispatchKeyEvent', { type: 'keyUp', key: text });
    },
    tab: async () => {
      const key = { key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 };
      await send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key });
      await send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
    },
    heard: async () => {
      const { nodes } = await send('Accessibility.getFullAXTree');
      return (nodes as readonly AxNode[]).filter(({ ignored }) => !ignored).map(heardOf);
    },
    screenshot: async (whole = false) => {
      const { data } = await send('Page.captureScreenshot', {
        captureBeyondViewport: whole,
        ...(whole && { clip: await wholeOf(send) }),
      });
      return Buffer.from(String(data), 'base64');
    },
    firstPaint: () =>
      evaluate<number>(
        `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1`,
      ),
  };
}

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
  readonly properties?: readonly {
    readonly name: string;
    readonly value: { readonly value: unknown };
  }[];
}

const heardOf = ({ role, name, properties = [] }: AxNode): Heard => ({
  role: role?.value ?? '',
  name: name?.value ?? '',
  properties: Object.fromEntries(properties.map((one) => [one.name, one.value.value])),
});

async function wholeOf(send: Send): Promise<Params> {
  const { cssContentSize } = await send('Page.getLayoutMetrics');
  const { width, height } = cssContentSize as { readonly width: number; readonly height: number };
  return { x: 0, y: 0, width, height, scale: 1 };
}

/** Messages are JSON, each ended by a NUL. */
function connect(child: ChildProcess): {
  readonly send: (method: string, params?: Params, sessionId?: string) => Promise<Params>;
  readonly on: (hear: Hear) => void;
} {
  const [, , , into, from] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<
    number,
    { readonly method: string; readonly done: (message: Message) => void }
  >();
  const listeners: Hear[] = [];
  let rest = Buffer.alloc(0);
  let next = 0;
  into.on('error', () => undefined);
  from.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0)) {
      const message = JSON.parse(rest.subarray(0, end).toString()) as Message;
      rest = rest.subarray(end + 1);
      if (message.id === undefined) for (const hear of listeners) hear(message);
      else waiting.get(message.id)?.done(message);
    }
  });
  child.once('close', () => {
    for (const { done } of waiting.values()) done({ error: { message: 'chromium has ended' } });
  });
  return {
    on: (hear) => listeners.push(hear),
    send: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        const id = (next += 1);
        waiting.set(id, {
          method,
          done: ({ result = {}, error }) => {
            waiting.delete(id);
            if (error === undefined) resolve(result);
            else reject(new Error(`${method}: ${error.message}`));
          },
        });
        into.write(
          `${JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) })}\0`,
        );
      }),
  };
}
