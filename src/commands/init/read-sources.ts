import { basename } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { FoundWorker, Note, Reading, TextFile } from './found.ts';
import { frameworkWorkers } from './frameworks.ts';
import type { Package } from './packages.ts';
import type { Project } from './project.ts';
import { readPackageJson } from './sources/package-json.ts';
import { sourceOf, sources, type Source } from './sources/table.ts';

/** What a project says of its processes. */
export interface Found extends Reading {
  /** The files that say so. */
  readonly files: readonly string[];
}

/** How files that are programs are read: by running them, or not at all. */
export type Run = ((path: string) => Promise<string>) | undefined;

/**
 * The one file that was named.
 * @throws WorkerctlError `failed` if it cannot be read, or is of no kind that is known
 */
export async function readNamed(project: Project, from: string, run: Run): Promise<Found> {
  const file = project.file(from);
  if (file === undefined) {
    const [note] = project.unread();
    throw new WorkerctlError('failed', `${from}: ${note?.words ?? 'there is no such file'}`);
  }
  const source = sourceOf(basename(from), file.text);
  if (source === undefined)
    throw new WorkerctlError(
      'failed',
      `${from}: expected ${sources.map(({ about }) => about).join(', ')}; found none of them`,
    );
  const reading = await readOne(source, file, run);
  return { ...reading, files: [file.path] };
}

/**
 * The first kind of file that names a worker; without one, what the packages of the project bring. Files of other kinds are
 * named in `leftOut`.
 */
export async function readProject(
  project: Project,
  packages: readonly Package[],
  run: Run,
): Promise<Found> {
  const leftOut: Note[] = [];
  for (const source of sources) {
    const found = await readKind(project, source, run);
    leftOut.push(...found.leftOut);
    if (found.workers.length === 0) continue;
    return { ...found, leftOut: [...leftOut, ...otherKinds(project, source)] };
  }
  const brought = broughtByPackages(project, packages);
  return { ...brought, leftOut: [...leftOut, ...brought.leftOut] };
}

async function readKind(project: Project, source: Source, run: Run): Promise<Found> {
  const all: Found[] = [];
  for (const path of source.paths(project)) {
    const file = project.has(path) ? project.file(path) : undefined;
    if (file === undefined || !source.looksLike.test(file.text)) continue;
    all.push({ ...(await readOne(source, file, run)), files: [file.path] });
    if (source.readsAll !== true && all.some(({ workers }) => workers.length > 0)) break;
  }
  return {
    workers: all.flatMap(({ workers }) => workers),
    leftOut: all.flatMap(({ leftOut }) => leftOut),
    files: all.filter(({ workers }) => workers.length > 0).flatMap(({ files }) => files),
  };
}

async function readOne(source: Source, file: TextFile, run: Run): Promise<Reading> {
  const isProgram = source.isProgram?.test(file.path) === true;
  if (isProgram && run === undefined) {
    const words = 'is JavaScript: workerctl init --run runs it to read it';
    return { workers: [], leftOut: [{ file: file.path, words }] };
  }
  const text = isProgram && run !== undefined ? await run(file.path) : file.text;
  const read = await source.load();
  const { workers, leftOut } = read({ ...file, text });
  const places = <T extends { readonly line?: number | undefined }>(at: T): T =>
    isProgram ? { ...at, line: undefined } : at; // the lines are those of what it has printed
  return {
    workers: workers.map((worker): FoundWorker => ({ ...worker, at: places(worker.at) })),
    leftOut: leftOut.map(places),
  };
}

/** Files of other kinds that were not looked into, because one kind is enough. */
const otherKinds = (project: Project, chosen: Source): readonly Note[] =>
  sources
    .slice(sources.indexOf(chosen) + 1)
    .flatMap((source) =>
      source
        .paths(project)
        .filter((path) => {
          const file = project.has(path) ? project.file(path) : undefined;
          return file !== undefined && source.looksLike.test(file.text);
        })
        .slice(0, 1),
    )
    .map((file) => ({ file, words: `was not used: workerctl init --from ${file} reads it` }));

/** The scripts of package.json, and the workers of frameworks. */
function broughtByPackages(project: Project, packages: readonly Package[]): Found {
  const manifest = project.file('package.json');
  const scripts = manifest === undefined ? { workers: [], leftOut: [] } : readPackageJson(manifest);
  const workers = [...frameworkWorkers(project, packages), ...scripts.workers];
  return {
    workers,
    leftOut: scripts.leftOut,
    files: [...new Set(workers.map(({ at }) => at.file))],
  };
}
