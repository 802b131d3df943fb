import { Document, isMap, isNode, isScalar } from 'yaml';
import type {
  Config,
  NotifyPolicy,
  Readiness,
  ReleaseSource,
  SecretPlace,
  Worker,
} from '../../core/model/config.ts';
import { presetOf } from '../../core/presets/table.ts';
import { configSection, workerSection } from './keys.ts';
import { printKeys } from './section.ts';
import { withTakenAway } from './taken-away.ts';

/** The config in force, every default filled in, under the keys that the file has. */
export function effectiveConfig({ stateDir, release, notify, workers }: Config): object {
  const top = { stateDir, release: releaseKeys(release), notify: notify && notifyKeys(notify) };
  return {
    ...printKeys(configSection.keys, top),
    workers: Object.fromEntries(workers.map((worker) => [worker.name, printedWorker(worker)])),
  };
}

function printedWorker(worker: Worker): object {
  const printed = printKeys(workerSection.keys, valuesOf(worker));
  const preset = presetOf(worker);
  return preset === undefined ? printed : withTakenAway(printed, preset.keys);
}

/** The config in force as YAML that loads to the same Config again. */
export const formatEffective = (config: Config): string => formatKeys(effectiveConfig(config));

/** A remark in the printed YAML. */
export interface Remark {
  readonly path: readonly string[];
  /** Behind the value. */
  readonly words?: string;
  /** Lines above the key. */
  readonly above?: readonly string[];
}

/** Keys and their values as YAML, with remarks on those that are there. */
export function formatKeys(keys: object, remarks: readonly Remark[] = []): string {
  const document = new Document(keys, { aliasDuplicateObjects: false });
  for (const { path, words, above } of remarks) {
    const map = document.getIn(path.slice(0, -1), true);
    const pair = isMap(map)
      ? map.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
      : undefined;
    if (words !== undefined && isNode(pair?.value)) pair.value.comment = ` ${words}`;
    if (above && isNode(pair?.key))
      pair.key.commentBefore = above.map((line) => ` ${line}`).join('\n');
  }
  return document.toString({ lineWidth: 0 });
}

/** The values of a worker by the keys of the table; what no key names is not printed. */
function valuesOf(worker: Worker): object {
  const { configured, isCounted, runAs, daemonizes, busyTitle, ready, ...others } = worker;
  const { logFile, errorFile, log, limits, cgroup, ...same } = others;
  return {
    ...same,
    ...runAs,
    ...(isCounted
      ? { count: configured.length, identifiers: undefined }
      : { identifiers: configured }),
    daemonizes: daemonizes && true,
    start: daemonizes,
    log: { file: logFile, error: errorFile, ...log },
    limits: { ...limits, ...cgroup },
    ready: readyKeys(ready),
    busy: busyTitle === undefined ? undefined : { title: busyTitle },
  };
}

function readyKeys(ready: Readiness): object {
  switch (ready.kind) {
    case 'after':
    case 'command':
      return ready;
    case 'log':
      return { ...ready, log: ready.pattern };
    case 'file':
      return { ...ready, file: ready.path };
    case 'notify':
      return { ...ready, notify: true };
  }
}

/** None for the directory, which no key names. */
function releaseKeys(source: ReleaseSource): object | undefined {
  switch (source.kind) {
    case 'directory':
      return undefined;
    case 'file':
      return { file: source.path };
    case 'command':
      return source;
  }
}

const notifyKeys = ({ webhook, ...rest }: NotifyPolicy): object => ({
  ...rest,
  webhook: webhook && {
    format: webhook.format,
    url: secretKeys(webhook.url),
    headers: webhook.headers && secretKeys(webhook.headers),
  },
});

const secretKeys = (place: SecretPlace): object =>
  place.kind === 'file' ? { file: place.path } : { env: place.name };
