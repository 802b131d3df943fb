/**
 * `src/page` is a program of its own, of which browsers run a part: it knows the DOM, which the rest must not. The build makes
 * a bundle of it, which has this name.
 */
declare module 'workerctl-page' {
  /** The whole page as HTML. */
  export function renderPage(view: import('../../core/views/page-view.ts').PageView): string;
}
