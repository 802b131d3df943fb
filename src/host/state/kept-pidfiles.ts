import type { PidfileState } from '../../core/model/observation.ts';
import { pidfilePath } from './paths.ts';
import { readPidfile } from './records.ts';

/** The instances whose pidfiles in the state directory did not have the pids of their records when they were read. */
export type OtherPidfiles = readonly string[];

/**
 * A pidfile that is rewritten in place does not change the time of the directory. So each look reads one in this many all the
 * same, the next ones a minute later. A prime: a bootcheck every five minutes comes to all of them, too.
 */
const turns = 13;
const turnMs = 60_000;

export interface PidfileLook {
  /** What the pidfile of an instance holds; `pid`: that of its record, if it was read. */
  readonly read: (
    name: string,
    pid: number | undefined,
    isKept: boolean,
    path?: string,
  ) => PidfileState;
  /** What to keep of these instances; undefined: nothing new is known. */
  readonly news: (names: readonly string[]) => OtherPidfiles | undefined;
}

/** Reads the pidfiles of instances; of those that are kept as right, only a few. */
export function lookAtPidfiles(stateDir: string, before: OtherPidfiles | undefined): PidfileLook {
  const others = new Set(before);
  const right = new Set<string>();
  const turn = Math.floor(Date.now() / turnMs) % turns;
  let [asked, isAnyLost] = [0, false];
  return {
    read: (name, pid, isKept, path) => {
      const isInTurn = asked % turns === turn;
      asked += 1;
      const isKnown = before !== undefined && isKept && !others.has(name);
      if (pid !== undefined && path === undefined && isKnown && !isInTurn) {
        right.add(name);
        return { kind: 'holds', pid };
      }
      const own = pidfilePath(stateDir, name);
      const found = readPidfile(path ?? own);
      if (path !== undefined && path !== own) return found;
      const isRight = found.kind === 'holds' && found.pid === pid;
      if (isRight) right.add(name);
      else isAnyLost ||= isKnown;
      return found;
    },
    news: (names) =>
      asked > 0 && (before === undefined || isAnyLost)
        ? names.filter((name) => !right.has(name))
        : undefined,
  };
}
