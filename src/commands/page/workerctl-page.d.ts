/**
 * `src/page` is a program of its own, of which browsers run a part: it knows the DOM, which the rest must not. The build makes
 * a bundle of it, which has this name.
 */
declare module 'workerctl-page' {
  // An import of its own would make this file a module, which declares nothing for others.
  // eslint-disable-next-line @typescript-eslint/consistent-type-imports
  type View = import('../../core/views/page-view.ts').PageView;
  /** The whole page as HTML. */
  export function renderPage(view: View): string;
}
