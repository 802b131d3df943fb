import { parseEnvFile } from '../../core/protocols/env-file.ts';
import { mismatchText } from '../../core/basics/config-problem.ts';
import type { Note } from './found.ts';
import type { Ecosystem, Package } from './packages.ts';
import type { Project } from './project.ts';

/** A variable that a framework needs in production, unless the project sets it. */
interface Variable {
  /** The project uses this package, any of this kind, or has this file. */
  readonly ecosystem?: Ecosystem;
  readonly package?: string;
  readonly file?: string;
  readonly name: string;
  readonly value: string | ((project: Project) => string | undefined);
}

/** One variable is one entry. */
const variables: readonly Variable[] = [
  { ecosystem: 'gem', package: 'rails', name: 'RAILS_ENV', value: 'production' },
  { ecosystem: 'gem', package: 'railties', name: 'RAILS_ENV', value: 'production' },
  { ecosystem: 'gem', package: 'delayed-job', name: 'RAILS_ENV', value: 'production' },
  { ecosystem: 'gem', package: 'sidekiq', name: 'RAILS_ENV', value: 'production' },
  { ecosystem: 'gem', package: 'rack', name: 'RACK_ENV', value: 'production' },
  { file: 'package.json', name: 'NODE_ENV', value: 'production' },
  { ecosystem: 'python', name: 'PYTHONUNBUFFERED', value: '1' },
  { ecosystem: 'python', package: 'django', name: 'DJANGO_SETTINGS_MODULE', value: djangoSettings },
  { ecosystem: 'composer', package: 'symfony/framework-bundle', name: 'APP_ENV', value: 'prod' },
];

/** As manage.py sets it. */
function djangoSettings(project: Project): string | undefined {
  const { text = '' } = project.file('manage.py') ?? {};
  return /DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']/.exec(text)?.[1];
}

/** The variables that the packages of a project need, without those that it sets itself. */
export function frameworkVariables(
  project: Project,
  packages: readonly Package[],
  isSet: (name: string) => boolean,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    variables.flatMap(({ ecosystem, package: wanted, file, name, value }) => {
      const isUsed =
        (file !== undefined && project.has(file)) ||
        packages.some(
          (one) => one.ecosystem === ecosystem && (wanted === undefined || one.name === wanted),
        );
      if (!isUsed || isSet(name)) return [];
      const text = typeof value === 'string' ? value : value(project);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/** The env file of a project, if it can be given to workers. */
export interface EnvFileFound {
  readonly path?: string;
  /** What it sets. */
  readonly names: ReadonlySet<string>;
  readonly leftOut: readonly Note[];
}

/** The `.env` beside the code: offered if it means to workerctl what it means to sh. */
export function envFileOf(project: Project): EnvFileFound {
  const file = project.has('.env') ? project.file('.env') : undefined;
  if (file === undefined) return { names: new Set(), leftOut: [] };
  const { variables: found, problems } = parseEnvFile(file.text, new Map());
  const [problem] = problems;
  if (problem === undefined) return { path: '.env', names: new Set(found.keys()), leftOut: [] };
  const key = problem.key === undefined ? '' : `${problem.key}: `;
  const words = `was not given to the workers as env_files: ${key}${mismatchText(problem)}`;
  return { names: new Set(), leftOut: [{ file: '.env', line: problem.line, words }] };
}
