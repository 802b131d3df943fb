import { fileAt } from '../../host/files/is-still-at.ts';
import { isLocked } from '../wait/settle.ts';
import { problemWords } from './trouble.ts';

/** A file that the watch uses for as long as it runs, and that others may remove or replace. */
export interface KeptFile {
  readonly path: string;
  /** Takes it anew. */
  readonly renew: () => void | Promise<void>;
  /** Without it the watch has nothing to work on: its error is thrown. */
  readonly isVital?: true;
  /** If another process has it, that one does our work: this is thrown. */
  readonly endsIfLocked?: boolean;
}

/** Notices when such files are removed or replaced, and takes them anew. */
export interface KeptFiles {
  /** Adds those that were just taken. */
  readonly add: (files: readonly KeptFile[]) => void;
  /** Whether one was removed or replaced since it was taken. */
  readonly haveChanged: () => boolean;
  /** Takes anew what is not in its place. @returns what could not be taken, and why */
  readonly renew: () => Promise<string | undefined>;
}

export function createKeptFiles(): KeptFiles {
  const all: {
    readonly file: KeptFile;
    stamp: string | undefined;
    problem?: string | undefined;
  }[] = [];
  const isElsewhere = ({ file, stamp }: (typeof all)[number]): boolean =>
    fileAt(file.path) !== stamp;
  return {
    add: (files) => {
      all.push(...files.map((file) => ({ file, stamp: fileAt(file.path) })));
    },
    haveChanged: () => all.some(isElsewhere),
    renew: async () => {
      for (const one of all) {
        if (one.problem === undefined && !isElsewhere(one)) continue;
        const { file } = one;
        one.problem = await problemOf(file);
        one.stamp = fileAt(file.path);
      }
      const problems = all.flatMap(({ problem }) => problem ?? []);
      return problems.length === 0 ? undefined : problems.join('; ');
    },
  };
}

async function problemOf(file: KeptFile): Promise<string | undefined> {
  try {
    await file.renew();
    return undefined;
  } catch (error) {
    if (file.isVital === true || (file.endsIfLocked === true && isLocked(error))) throw error;
    return problemWords(error);
  }
}
