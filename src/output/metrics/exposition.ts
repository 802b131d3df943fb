export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All samples of one name. The help is one line without backslashes. */
export interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/**
 * Families in Prometheus' text format, version 0.0.4, with the labels of `common` on every sample. A family without
 * samples is left out.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export const formatFamilies = (families: readonly Family[], common: Sample['labels']): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map(
      ({ name, type, help, samples }) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n` +
        samples
          .map(({ labels, value }) => `${name}${formatLabels({ ...common, ...labels })} ${value}\n`)
          .join(''),
    )
    .join('');

function formatLabels(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
