import { linesOf, type Place, type TextFile } from './found.ts';
import { entriesOf, entryOf, treeOf } from './sources/tree-values.ts';

export type Ecosystem = 'gem' | 'python' | 'npm' | 'composer';

/** A package that a project uses, and where that is written. */
export interface Package {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly at: Place;
}

/** One kind of file that names packages. */
interface PackageFile {
  readonly ecosystem: Ecosystem;
  readonly isNamed: RegExp;
  readonly read: (file: TextFile) => readonly { readonly name: string; readonly line: number }[];
}

/** The names that a pattern finds, each in its line. */
const byLine =
  (pattern: RegExp) =>
  ({ text }: TextFile) =>
    linesOf(text).flatMap((written, index) =>
      [...written.matchAll(pattern)].map(([, name = '']) => ({ name, line: index + 1 })),
    );

/** `name [extras] ; marker`. Source: PEP 508; pip's "Requirements File Format". */
const requirement = /^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\]\s*)?(?=$|[=<>!~;@#,\s])/g;

/**
 * The names in a TOML file: keys below a table of dependencies, and requirements in its strings. Enough for names, without a
 * parser of TOML.
 */
function fromToml({ text }: TextFile): { name: string; line: number }[] {
  let [table, key] = ['', ''];
  return linesOf(text).flatMap((written, index) => {
    table = /^\s*\[+([^\]]+)\]+/.exec(written)?.[1]?.trim() ?? table;
    const line = written.replace(/(^|\s)#.*$/, '');
    const begun = /^\s*(?:"(?=[^"=]*"))?([A-Za-z0-9][\w.-]*)"?\s*=(?!=)/.exec(line)?.[1];
    key = begun ?? key;
    const isTable = /(?:^|\.)(?:dev-|dev_)?(?:dependencies|packages|dev-packages)$/.test(table);
    if (isTable && begun !== undefined) return [{ name: begun, line: index + 1 }];
    const isList =
      /^(?:project\.optional-dependencies|dependency-groups)$/.test(table) ||
      (/^(?:project)?$/.test(table) && key === 'dependencies');
    if (!isList) return [];
    return [
      ...line.matchAll(/["']([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:[=<>!~;@ ].*?)?["']/g),
    ].map(([, name = '']) => ({ name, line: index + 1 }));
  });
}

/** The keys of these members of a JSON file. */
const fromKeys =
  (...members: readonly string[]) =>
  (file: TextFile) => {
    const tree = treeOf(file);
    if (tree.kind === 'unread') return [];
    return members.flatMap((member) =>
      entriesOf(entryOf(tree.root, member)).map(([name, slot]) => ({
        name,
        line: tree.lineOf(slot),
      })),
    );
  };

/** The packages of a Pipfile.lock that are not for development; it may be long, so no lines are counted. */
function fromPipfileLock({ text }: TextFile): { name: string; line: number }[] {
  try {
    const all = JSON.parse(text) as { readonly default?: object } | null;
    return Object.keys(all?.default ?? {}).map((name) => ({ name, line: 1 }));
  } catch {
    return [];
  }
}

/** The files that name packages; one kind is one entry. */
const packageFiles: readonly PackageFile[] = [
  {
    ecosystem: 'gem',
    isNamed: /^(?:Gemfile|gems)\.(?:lock|locked)$/,
    read: byLine(/^ {4}([A-Za-z0-9][\w.-]*) \(/g),
  },
  {
    ecosystem: 'python',
    isNamed: /^requirements(?:[/-](?:prod|production|base))?\.(?:txt|in)$/,
    read: byLine(requirement),
  },
  { ecosystem: 'python', isNamed: /^(?:pyproject\.toml|Pipfile)$/, read: fromToml },
  {
    ecosystem: 'python',
    isNamed: /^(?:uv|poetry|pdm)\.lock$/,
    read: byLine(/^name = "([^"]+)"/g),
  },
  { ecosystem: 'python', isNamed: /^Pipfile\.lock$/, read: fromPipfileLock },
  { ecosystem: 'npm', isNamed: /^package\.json$/, read: fromKeys('dependencies') },
  { ecosystem: 'composer', isNamed: /^composer\.json$/, read: fromKeys('require') },
  {
    ecosystem: 'composer',
    isNamed: /^composer\.lock$/,
    read: byLine(/^ {8,12}"name": "([\w.-]+\/[\w.-]+)"/g),
  },
];

/** The names of the files that may name packages. */
export const packageFileNames: readonly string[] = [
  'Gemfile.lock',
  'gems.locked',
  'requirements.txt',
  'requirements/production.txt',
  'requirements/prod.txt',
  'requirements/base.txt',
  'requirements-prod.txt',
  'requirements.in',
  'pyproject.toml',
  'Pipfile',
  'uv.lock',
  'poetry.lock',
  'pdm.lock',
  'Pipfile.lock',
  'package.json',
  'composer.json',
  'composer.lock',
];

/** A name as all of its spellings are compared: `Django_Q` is `django-q`. Source: PEP 503. */
const normal = (name: string): string => name.toLowerCase().replace(/[_.]+/g, '-');

/** The packages that these files name, each at the first place. */
export function packagesIn(files: readonly TextFile[]): readonly Package[] {
  const all = new Map<string, Package>();
  for (const file of files)
    for (const { ecosystem, isNamed, read } of packageFiles)
      if (isNamed.test(file.path))
        for (const { name, line } of read(file)) {
          const key = `${ecosystem} ${normal(name)}`;
          const at = { file: file.path, line };
          if (!all.has(key)) all.set(key, { ecosystem, name: normal(name), at });
        }
  return [...all.values()];
}

export const packageIn = (
  packages: readonly Package[],
  ecosystem: Ecosystem,
  name: string,
): Package | undefined => packages.find((one) => one.ecosystem === ecosystem && one.name === name);
