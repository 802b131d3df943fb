// The dashboard that docs/grafana.json has, and what it asks Prometheus for.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets: readonly { readonly expr: string }[];
}

export interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const path = fileURLToPath(new URL('../../docs/grafana.json', import.meta.url));

export const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard;

/** All queries of its panels. */
export const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

/** The metrics that a text names. */
export const metricsIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/workerctl_\w+/g)].map(([name]) => name)),
];

/** A query as Grafana sends it if hosts and workers are chosen; a series without the label does not match. */
export const asSent = (query: string): string =>
  query.replaceAll('$host', '.+').replaceAll('$worker', '.+').replaceAll('$__interval', '5m');
