import type { Project } from '../project.ts';
import type { Reading, TextFile } from '../found.ts';

/** One kind of file that lists processes. */
export interface Source {
  /** What it is, in words. */
  readonly about: string;
  /** Where a project has it, in the order in which it is looked for. */
  readonly paths: (project: Project) => readonly string[];
  /** Whether a file that was named by `--from` is of this kind: by its name, or by its text if that says nothing. */
  readonly isNamed: RegExp;
  readonly looksLike: RegExp;
  /** All of its files count, not the first one that names a worker. */
  readonly readsAll?: true;
  /** Its files are programs, which are read only if they may be run. */
  readonly isProgram?: RegExp;
  readonly load: () => Promise<(file: TextFile) => Reading>;
}

/** Where projects keep what a deploy installs. */
const folders = ['', 'deploy/', 'config/', 'etc/', 'docker/', 'ops/', 'infra/', '.deploy/'];

const inFolders =
  (...names: readonly string[]) =>
  (): readonly string[] =>
    folders.flatMap((folder) => names.map((name) => folder + name));

const matching =
  (pattern: RegExp, ...more: readonly string[]) =>
  (project: Project): readonly string[] =>
    [...folders, ...more].flatMap((folder) =>
      project
        .names(folder === '' ? '.' : folder)
        .filter((name) => pattern.test(name))
        .map((name) => folder + name),
    );

const ecosystem =
  /^(?:.*\.)?(?:ecosystem|pm2|process|processes)(?:\.config)?\.(?:json|ya?ml|[cm]?js)$/;

/** The kinds of files that list processes; the first one that names a worker counts. A new kind is one entry. */
export const sources: readonly Source[] = [
  {
    about: 'a Procfile',
    paths: () => ['Procfile', 'Procfile.dev'],
    isNamed: /^(?:.*\.)?Procfile(?:\..*)?$/i,
    looksLike: /^[A-Za-z0-9_.-]+:[ \t]*\S.*$/m,
    load: async () => (await import('./procfile.ts')).readProcfile,
  },
  {
    about: "supervisord's config",
    paths: matching(
      /^supervisord?(?:[.-].*)?\.(?:conf|ini)$/,
      'supervisor/',
      'deploy/supervisor/',
      'config/supervisor/',
      'supervisor/conf.d/',
    ),
    isNamed: /\.(?:conf|ini)$/,
    looksLike: /^[ \t]*\[program:/m,
    load: async () => (await import('./supervisord.ts')).readSupervisord,
  },
  {
    about: "pm2's ecosystem file",
    paths: matching(ecosystem),
    isNamed: ecosystem,
    looksLike: /["']?apps["']?[ \t]*:/,
    isProgram: /\.[cm]?js$/,
    load: async () => (await import('./pm2.ts')).readPm2,
  },
  {
    about: 'a unit of systemd',
    paths: matching(/\.service$/, 'systemd/', 'deploy/systemd/', 'config/systemd/'),
    isNamed: /\.service$/,
    looksLike: /^\[Service\]/m,
    readsAll: true,
    load: async () => (await import('./systemd-unit.ts')).readSystemdUnit,
  },
  {
    about: 'a compose file',
    paths: inFolders(
      'compose.yaml',
      'compose.yml',
      'docker-compose.yml',
      'docker-compose.yaml',
      'docker-compose.prod.yml',
      'docker-compose.production.yml',
    ),
    isNamed: /^(?:docker-)?compose(?:[.-].*)?\.ya?ml$/,
    looksLike: /^services:/m,
    load: async () => (await import('./compose.ts')).readCompose,
  },
  {
    about: 'a package.json',
    paths: () => [],
    isNamed: /^package\.json$/,
    looksLike: /"scripts"[ \t]*:/,
    load: async () => (await import('./package-json.ts')).readPackageJson,
  },
];

/** The kind of a file, by its name or else by its text. */
export const sourceOf = (name: string, text: string): Source | undefined =>
  sources.find(({ isNamed, looksLike }) => isNamed.test(name) && looksLike.test(text)) ??
  sources.find(({ isNamed }) => isNamed.test(name)) ??
  [...sources].reverse().find(({ looksLike }) => looksLike.test(text));
