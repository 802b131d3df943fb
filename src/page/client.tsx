import { render } from 'preact';
import { momentOf } from '../core/basics/time.ts';
import type { PageView } from '../core/views/page-view.ts';
import { Page } from './page.tsx';

/** After an answer that a browser does not try again, such as that of a proxy, in ms. */
const retryMs = 3_000;

/** No more lines of a log are shown: the page would become slow. */
const mostLines = 500;

const instance = document.body.dataset['instance'];

let view: PageView | undefined;
let log: readonly string[] = [];
let isLive = false;
let filter = '';
/** When the latest message came, on the clock of the browser. */
let heardMs = 0;

function draw(): void {
  if (view === undefined) return;
  const focus = instance === undefined ? undefined : focusOf(view, instance);
  const now = momentOf(view.at + performance.now() - heardMs);
  const lines = document.getElementById('lines');
  const isAtEnd = lines !== null && lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  const browser = {
    isLive,
    filter,
    onFilter: (text: string): void => {
      filter = text;
      draw();
    },
  };
  render(
    <Page view={focus === undefined ? view : { ...view, focus }} now={now} browser={browser} />,
    document.body,
  );
  if (isAtEnd) lines.scrollTop = lines.scrollHeight;
  const { ready, wanted } = view.totals;
  if (instance === undefined) document.title = `${ready}/${wanted} · ${view.host}`;
}

function focusOf({ workers }: PageView, name: string): NonNullable<PageView['focus']> {
  const isThere = workers.some(({ instances }) => instances.some((one) => one.name === name));
  return { instance: name, isUnknown: !isThere, log };
}

/** Members of the view that have changed; all of them at first. */
function hear(text: string): void {
  const before = view?.version;
  view = { ...view, ...(JSON.parse(text) as PageView) };
  heardMs = performance.now();
  isLive = true;
  // Another workerctl serves it now, whose script may be another.
  if (before !== undefined && before !== view.version) location.reload();
  draw();
}

function hearLog(text: string): void {
  const { from, lines } = JSON.parse(text) as { readonly from?: number; readonly lines: string[] };
  log = [...(from === 0 ? [] : log), ...lines].slice(-mostLines);
  draw();
}

function follow(): void {
  const query = instance === undefined ? '' : `?instance=${encodeURIComponent(instance)}`;
  const source = new EventSource(`/stream${query}`);
  source.addEventListener('view', ({ data }) => {
    hear(String(data));
  });
  source.addEventListener('log', ({ data }) => {
    hearLog(String(data));
  });
  source.addEventListener('error', () => {
    isLive = false;
    draw();
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
    setTimeout(follow, retryMs);
  });
}

document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target instanceof HTMLInputElement) return;
  const search = document.getElementById('filter');
  if (search === null) return;
  event.preventDefault();
  search.focus();
});

const lines = document.getElementById('lines');
if (lines !== null) {
  log = lines.dataset['empty'] === undefined ? lines.innerText.split('\n') : [];
  lines.scrollTop = lines.scrollHeight;
}
follow();
// Ages go on.
setInterval(() => {
  if (!document.hidden) draw();
}, 1_000);
