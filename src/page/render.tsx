import { renderToString } from 'preact-render-to-string';
import type { PageView } from '../core/views/page-view.ts';
import { Page } from './page.tsx';

/** How often a page without its script is loaded again, in seconds. */
const reloadSeconds = 15;

/** The whole page. Nothing in it is code or style: those are files of their own. */
export function renderPage(view: PageView): string {
  const { focus, totals, host } = view;
  const document = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{titleOf(view)}</title>
        <link rel="stylesheet" href="/page.css" />
        <noscript>
          <meta http-equiv="refresh" content={String(reloadSeconds)} />
        </noscript>
        <script src="/page.js" defer />
      </head>
      <body data-instance={focus?.instance} data-host={host} data-short={totals.isShort}>
        <Page view={view} now={view.at} />
      </body>
    </html>
  );
  return `<!doctype html>${renderToString(document).replaceAll(needlessTags, '')}\n`;
}

/** HTML does not need them, and a long list has thousands; no text of others looks like one. */
const needlessTags = /<\/(?:td|th|tr|li|dt|dd)>/g;

const titleOf = ({ focus, totals, host }: PageView): string =>
  `${focus?.instance ?? `${totals.ready}/${totals.wanted}`} · ${host}`;
