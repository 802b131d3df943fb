import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { durationOf } from '../../../src/core/basics/time.ts';
import { quietSignals, stopSignals, type Worker } from '../../../src/core/model/config.ts';
import { compose } from '../../../src/output/export/compose.ts';
import { translated, type ExportFormat } from '../../../src/output/export/exported.ts';
import { kubernetes } from '../../../src/output/export/kubernetes.ts';
import { nomad } from '../../../src/output/export/nomad.ts';
import { systemd } from '../../../src/output/export/systemd.ts';
import { aConfig, aWorker, restartPolicy, seconds } from '../../core/builders.ts';

const facts = { image: 'app:1', longestJob: seconds(3600) };

const schemaNamed = (name: string): object =>
  JSON.parse(
    readFileSync(
      fileURLToPath(new URL(`../../fixtures/export/${name}.json`, import.meta.url)),
      'utf8',
    ),
  ) as object;

const ajv = new Ajv({ strict: false, formats: { duration: true, subnet_ip_address: true } });
ajv.addSchema(schemaNamed('kubernetes'), 'kubernetes');
const isCompose = ajv.compile(schemaNamed('compose'));

const kinds: Readonly<Record<string, string>> = {
  StatefulSet: 'io.k8s.api.apps.v1.StatefulSet',
  Service: 'io.k8s.api.core.v1.Service',
  PodDisruptionBudget: 'io.k8s.api.policy.v1.PodDisruptionBudget',
};

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly [key: string]: unknown };
}

const manifestsIn = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest);

/** What the published schema has against a manifest. */
function wrongIn(manifest: Manifest): unknown {
  const ask = ajv.getSchema(`kubernetes#/definitions/${kinds[manifest.kind] ?? 'none'}`);
  if (ask === undefined) return `no schema for ${manifest.kind}`;
  return ask(manifest) === true ? undefined : ask.errors;
}

/** All that a format has to say about one worker. */
function exportOf(format: ExportFormat, worker: Worker) {
  const { files, leftOut } = format.exported(aConfig(worker), facts);
  return {
    text: files.map((file) => file.text).join('---\n'),
    paths: files.map(({ path }) => path),
    leftOut: leftOut.map(({ key }) => key),
    files,
  };
}

/** A worker that uses every key that can be exported. */
const full = aWorker('mail_Out', ['1', '2', '3'], {
  command: ['bin/mail', '--id=%i', 'a $HOME ${x} $(y) "q" %%'],
  directory: '/srv/a b/%%x',
  env: { RELEASE: '$1 %n', API_TOKEN: 'abc' },
  envFiles: ['/etc/mail out.env'],
  passEnv: ['LANG'],
  limits: { nofile: 4096, core: 'unlimited' },
  cgroup: { memoryMax: 512 * 1024 ** 2, cpu: 0.335 },
  umask: 0o027,
  nice: 5,
  oomScoreAdj: 100,
  stop: { signal: 'QUIT', quiet: 'USR1', resume: 'CONT', timeout: seconds(90), to: 'session' },
  ready: { kind: 'command', command: ['bin/up', '%n'], timeout: seconds(30) },
  heartbeat: { timeout: seconds(60), grace: seconds(2), dump: 'QUIT' },
  restart: { ...restartPolicy(), batch: { kind: 'count', count: 2 } },
  busyTitle: 'busy',
  onExit: 'on_failure',
  runAs: { user: '33', group: 'www-data' },
  noNewPrivs: true,
});

describe('kubernetes', () => {
  test('must be what Kubernetes accepts, with the drain, the quiet signal, the probes and the budget', () => {
    const { text, paths, leftOut } = exportOf(kubernetes, full);
    const manifests = manifestsIn(text);
    expect(manifests.map(wrongIn)).toEqual([undefined, undefined, undefined]);
    expect(paths).toEqual(['mail-out.yaml']);
    const [, set, budget] = manifests as [Manifest, Manifest, Manifest];
    expect(budget.spec).toMatchObject({ maxUnavailable: 2 });
    expect(set).toMatchObject({
      metadata: { name: 'mail-out' },
      spec: {
        replicas: 3,
        ordinals: { start: 1 },
        template: {
          spec: {
            terminationGracePeriodSeconds: 90,
            containers: [
              {
                command: ['bin/mail', '--id=$(WORKERCTL_ID)', 'a $HOME ${x} $$(y) "q" %'],
                workingDir: '/srv/a b/%x',
                securityContext: { runAsUser: 33, allowPrivilegeEscalation: false },
                envFrom: [{ secretRef: { name: 'mail-out-mail-out-env' } }],
                lifecycle: {
                  preStop: {
                    exec: {
                      command: [
                        '/bin/sh',
                        '-c',
                        '"$@"; kill -s QUIT 1; while kill -0 1 2>/dev/null; do sleep 1; done',
                        'sh',
                        '/bin/sh',
                        '-c',
                        'kill -s USR1 1',
                      ],
                    },
                  },
                },
                resources: { limits: { memory: '536870912', cpu: '335m' } },
                startupProbe: {
                  exec: { command: ['bin/up', 'mail_Out.$(WORKERCTL_ID)'] },
                  failureThreshold: 30,
                },
                livenessProbe: { terminationGracePeriodSeconds: 2, failureThreshold: 1 },
              },
            ],
          },
        },
      },
    });
    for (const key of ['name', 'env_files', 'busy', 'umask', 'nice', 'on_exit', 'stop.to: session'])
      expect(leftOut).toContain(key);
  });

  test('identifiers that are no numbers must get a set each, and an endless drain a limit', () => {
    const worker = aWorker('fsck', ['red', 'blue'], { isCounted: false });
    const { text, leftOut } = exportOf(kubernetes, worker);
    const sets = manifestsIn(text).filter(({ kind }) => kind === 'StatefulSet');
    expect(sets.map(({ metadata }) => metadata.name)).toEqual(['fsck-red', 'fsck-blue']);
    expect(text).toContain('terminationGracePeriodSeconds: 3600');
    expect(text).toContain('value: red');
    expect(leftOut).toContain('stop.timeout: never');
  });

  test('its schema must refuse what it does not know', () => {
    const [, set] = manifestsIn(exportOf(kubernetes, full).text) as [Manifest, Manifest];
    expect(wrongIn({ ...set, spec: { ...set.spec, replica: 3 } })).toBeDefined();
  });
});

describe('compose', () => {
  test('must be what Docker Compose accepts, with a service for each instance', () => {
    const { text } = exportOf(compose, full);
    const [document] = manifestsIn(text);
    expect(isCompose(document)).toBe(true);
    expect(document).toMatchObject({
      services: {
        'mail_Out-1': {
          command: ['bin/mail', '--id=1', 'a $$HOME $${x} $$(y) "q" %'],
          environment: { RELEASE: '$$1 mail_Out.1' },
          stop_signal: 'SIGQUIT',
          stop_grace_period: '90s',
          restart: 'on-failure',
          user: '33:www-data',
          pre_stop: [{ command: ['/bin/sh', '-c', 'kill -s USR1 1 || true'] }],
          healthcheck: { test: ['CMD', 'bin/up', 'mail_Out.1'], retries: 30 },
          ulimits: { nofile: 4096, core: -1 },
          mem_limit: 536870912,
          memswap_limit: 536870912,
          cpus: 0.335,
        },
        'mail_Out-3': {},
      },
    });
  });

  test('its schema must refuse what it does not know', () => {
    expect(isCompose({ services: { a: { image: 'x', stop_grace: '1s' } } })).toBe(false);
  });
});

describe('nomad', () => {
  test('must be a job in the form of its API, in nanoseconds', () => {
    const { text, leftOut } = exportOf(nomad, full);
    expect(text.startsWith(`${nomad.header}\n`)).toBe(true);
    expect(JSON.parse(text)).toMatchObject({
      Job: {
        Type: 'service',
        TaskGroups: [
          {
            Name: 'mail_Out',
            Count: 3,
            Update: { MaxParallel: 2, Canary: 0, AutoRevert: false },
            Tasks: [
              {
                Driver: 'docker',
                Resources: { MemoryMB: 512 },
                KillSignal: 'SIGQUIT',
                KillTimeout: 90_000_000_000,
                Config: { args: ['--id=${NOMAD_ALLOC_INDEX}', 'a $HOME $${x} $(y) "q" %'] },
              },
            ],
          },
        ],
      },
    });
    expect(leftOut).toContain('identifiers');
    expect(leftOut).toContain('limits.cpu');
  });
});

describe('systemd', () => {
  test('must be a template with its environment, and a target that wants the instances', () => {
    const { files } = exportOf(systemd, full);
    const [service, environment, target] = files.map(({ text }) => text) as [
      string,
      string,
      string,
    ];
    expect(files.map(({ path }) => path)).toEqual([
      'workerctl-mail_Out@.service',
      'workerctl-mail_Out@.service.d/environment.conf',
      'workerctl-mail_Out.target',
    ]);
    expect(service).toContain(
      'ExecStart="/srv/a b/%%x/bin/mail" --id=%i "a $$HOME $${x} $$(y) \\"q\\" %%"\n',
    );
    expect(service).toContain('WorkingDirectory=/srv/a b/%%x\n');
    expect(service).toContain('KillMode=control-group\n');
    expect(service).toContain('User=33\nGroup=www-data\nNoNewPrivileges=yes\n');
    expect(service).toContain('\nMemoryMax=536870912\nMemorySwapMax=0\nCPUQuota=33.5%\n');
    expect(service).toContain('ExecStop=/bin/kill -s USR1 $MAINPID\n');
    expect(environment).toContain('Environment="RELEASE=$1 mail_Out.%i"\n');
    expect(environment).toContain('EnvironmentFile=/etc/mail out.env\n');
    expect(target.match(/^Wants=.*$/gm)).toHaveLength(3);
  });
});

const text = fc.stringMatching(/^[ -~]{0,12}$/).map((found) => found.replace(/%/g, '%%'));
const word = fc.oneof(text, fc.constantFrom('%i', '%n', '%p', '%H', '%%', '$x', '$$(a)'));

const worker = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/),
    identifiers: fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,4}$/), { maxLength: 4 }),
    isCounted: fc.boolean(),
    words: fc.array(word, { maxLength: 4 }),
    env: fc.dictionary(fc.stringMatching(/^[A-Z]{1,4}$/), word),
    signal: fc.constantFrom(...stopSignals),
    quiet: fc.option(fc.constantFrom(...quietSignals), { nil: undefined }),
    timeout: fc.option(fc.nat().map(durationOf), { nil: undefined }),
    after: fc.nat(100_000).map(durationOf),
  })
  .map(({ words, signal, quiet, timeout, after, isCounted, name, identifiers, env }) =>
    aWorker(name, isCounted ? identifiers.map((_, index) => String(index + 1)) : identifiers, {
      command: ['run', ...words],
      isCounted,
      env,
      stop: { signal, ...(quiet && { quiet }), ...(timeout !== undefined && { timeout }) },
      ready: { kind: 'after', after },
    }),
  );

test('whatever the config says, the other system must accept the export', () => {
  fc.assert(
    fc.property(worker, (one) => {
      const manifests =
        one.identifiers.length === 0 && !one.isCounted
          ? []
          : manifestsIn(exportOf(kubernetes, one).text);
      expect(manifests.map(wrongIn).filter((wrong) => wrong !== undefined)).toEqual([]);
      expect(isCompose(manifestsIn(exportOf(compose, one).text)[0])).toBe(true);
      expect(() => JSON.parse(exportOf(nomad, one).text) as unknown).not.toThrow();
      expect(exportOf(systemd, one).text).not.toMatch(/\r/);
    }),
  );
});

test('a specifier that is doubled must stay a percent sign', () => {
  const of = { i: 'I', p: 'P', n: 'N', H: 'H', plain: (part: string) => part.toUpperCase() };
  expect(translated('%%i %i %%%n a', of)).toBe('%I I %N A');
});

test('systemd: the program must be one that it finds', () => {
  const lines = (more: Partial<Worker>): readonly string[] =>
    exportOf(systemd, aWorker('mail', ['1'], more)).text.split('\n');
  const directory = '/srv/100%%/app';
  expect(lines({ directory, command: ['bin/worker', '--cost', '5$'] })).toContain(
    'ExecStart=/srv/100%%/app/bin/worker --cost 5$$',
  );
  expect(lines({ directory, command: ['/opt/a$b/run'] })).toContain('ExecStart=/opt/a$b/run');
});

test.each([
  ['kubernetes', kubernetes],
  ['compose', compose],
])('%s: a text must stay one for readers of YAML 1.1', (_, format) => {
  const env = { A: 'yes', B: '1_000', C: 'off', D: 'no', E: '1:30', F: '0o7' };
  const { text } = exportOf(format, aWorker('mail', ['1'], { env }));
  for (const value of Object.values(env)) expect(text).toContain(`"${value}"`);
});
