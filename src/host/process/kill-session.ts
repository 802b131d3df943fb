import type { LiveProcess, ProcessIdentity } from '../../core/model/process.ts';
import { monotonicMs, sleep } from './clock.ts';
import { errnoOf } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { findProcess, listPids, readProcess } from './process-table.ts';
import { allProcesses, leftBehindBy, type DeadLeader } from './session.ts';

/**
 * What came of it: `killed` names everybody who got the signal (one in an uninterruptible sleep dies later); `gone` and
 * `denied` (the leader is another user's) mean that nobody did.
 */
export type KillOutcome =
  | { readonly kind: 'killed'; readonly pids: readonly number[] }
  | { readonly kind: 'gone' }
  | { readonly kind: 'denied' };

type Answer = 'sent' | 'gone' | 'denied';

/** By pid and start time: within a session, too, a pid is given away again. */
type Asked = Map<string, { readonly pid: number; readonly answer: Answer }>;

const maxRounds = 200;
const maxMs = 5_000;
const roundMs = 10;

/** A session in which new members appear again and again loses its leader after so many rounds, whoever is left. */
const childRounds = 10;

/** One look may miss the child of a process that ended between the listing and its turn. */
const quietRounds = 2;

/**
 * Kills a session: its leader is stopped, the members are killed first, the leader when no new ones appear. While it lives
 * the session is known by it, so that, should we die half way, the next pass does it again. Ends when all are dead (zombies
 * are), after 5 seconds at the latest. Whoever has left for a session of his own is not touched, nor are we if we belong to
 * it, nor is what another user runs in it. Of a session that the process does not lead, as one does that has forked twice
 * or has taken over from its predecessor, only it and its descendants are killed. An `heir` lives on, with its descendants.
 */
export async function killSession(
  leader: ProcessIdentity,
  successor?: ProcessIdentity,
): Promise<KillOutcome> {
  const found = findProcess(leader);
  if (found === undefined) return { kind: 'gone' };
  const members = found.sessionId === leader.pid ? sessionOf : familyIn(found.sessionId);
  const membersBesides = successor === undefined ? members : sparing(successor, members);
  // Stopped, it starts nobody new for those who die.
  if (send(leader.pid, 'SIGSTOP') === 'denied') return { kind: 'denied' };
  const asked: Asked = new Map();
  const deadline = monotonicMs() + maxMs;
  let quiet = 0;
  for (let round = 0; round < maxRounds && monotonicMs() < deadline; round += 1) {
    const leads = findProcess(leader) !== undefined; // before the look: whoever it starts until its end is seen
    const { areNew, areLeft } = killMembers(membersBesides(leader), asked);
    if (leads && (!areNew || round >= childRounds)) killLeader(leader, asked);
    quiet = leads || areLeft ? 0 : quiet + 1;
    if (quiet === quietRounds) break;
    await sleep(roundMs);
  }
  const pids = [...asked.values()].filter(({ answer }) => answer === 'sent').map(({ pid }) => pid);
  return pids.length === 0 ? { kind: 'gone' } : { kind: 'killed', pids };
}

/**
 * Kills what a dead process has left in its session: nobody but living members that are proven to be of that session. Ends
 * when all are dead, after 5 seconds at the latest.
 */
export async function killLeftBehind(leader: DeadLeader): Promise<KillOutcome> {
  if (leftBehindBy(leader, allProcesses()).length === 0) return { kind: 'gone' };
  const asked: Asked = new Map();
  const deadline = monotonicMs() + maxMs;
  for (let quiet = 0; quiet < quietRounds && monotonicMs() < deadline;) {
    quiet = killMembers(sessionOf(leader), asked).areLeft ? 0 : quiet + 1;
    await sleep(roundMs);
  }
  const answers = [...asked.values()];
  const pids = answers.filter(({ answer }) => answer === 'sent').map(({ pid }) => pid);
  if (pids.length > 0) return { kind: 'killed', pids };
  return { kind: answers.some(({ answer }) => answer === 'denied') ? 'denied' : 'gone' };
}

/** Says whether there were members that have not been killed before, and whether any live that may be killed. */
function killMembers(
  members: Iterable<LiveProcess>,
  asked: Asked,
): { areNew: boolean; areLeft: boolean } {
  const known = asked.size;
  let areLeft = false;
  for (const member of members) {
    if (killOnce(member, asked) !== 'denied') areLeft = true;
  }
  return { areNew: asked.size > known, areLeft };
}

function killLeader(leader: ProcessIdentity, asked: Asked): void {
  const found = findProcess(leader);
  if (found !== undefined) killOnce(found, asked);
}

function killOnce({ pid, startTime }: ProcessIdentity, asked: Asked): Answer {
  const key = `${pid} ${startTime}`;
  const { answer } = asked.get(key) ?? { answer: send(pid, 'SIGKILL') };
  asked.set(key, { pid, answer });
  return answer;
}

/** The living members of a session besides its leader, each as it is when it is its turn. */
function* sessionOf(leader: ProcessIdentity): Generator<LiveProcess> {
  const namesake = readProcess(leader.pid);
  // The number of a session is given to another one when its last member is dead.
  if (namesake !== undefined && namesake.startTime !== leader.startTime) return;
  for (const pid of listPids()) {
    const found = readProcess(pid);
    if (found !== undefined && isMember(found, leader)) yield found;
  }
}

/**
 * Of a session that it does not lead, only whoever descends from it: others may be a person's, or be finishing what the
 * predecessor of a successor began. All at once, since the
 * children of one who is killed are somebody else's then.
 */
const familyIn =
  (session: number) =>
  (root: ProcessIdentity): LiveProcess[] => {
    if (findProcess(root) === undefined) return []; // its number may be another's
    const { pid, startTime } = root;
    const all = listPids().flatMap((each) => readProcess(each) ?? []);
    const family = familyOf(pid, all);
    return all.filter(
      (each) =>
        each.sessionId === session &&
        family.has(each.pid) &&
        each.pid !== pid &&
        each.pid !== process.pid &&
        each.startTime >= startTime,
    );
  };

/** A process and its descendants. */
function familyOf(pid: number, all: readonly LiveProcess[]): Set<number> {
  const family = new Set([pid]);
  for (let size = 0; size < family.size;) {
    size = family.size;
    for (const each of all) if (family.has(each.parentPid)) family.add(each.pid);
  }
  return family;
}

/** The same members but for one of them, should that live, and its descendants. */
const sparing =
  (
    successor: ProcessIdentity,
    membersBesides: (leader: ProcessIdentity) => Iterable<LiveProcess>,
  ) =>
  (leader: ProcessIdentity): LiveProcess[] => {
    const members = [...membersBesides(leader)];
    if (findProcess(successor) === undefined) return members;
    const family = familyOf(successor.pid, members);
    return members.filter(({ pid }) => !family.has(pid));
  };

/** Nobody in a session is older than its leader: one who is bears a number that was given away again. */
const isMember = ({ pid, sessionId, startTime }: LiveProcess, leader: ProcessIdentity): boolean =>
  sessionId === leader.pid &&
  pid !== leader.pid &&
  pid !== process.pid &&
  startTime >= leader.startTime;

function send(pid: number, signal: 'SIGKILL' | 'SIGSTOP'): Answer {
  try {
    process.kill(pid, signal);
    faultPoint();
    return 'sent';
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return 'gone';
    if (errnoOf(error) === 'EPERM') return 'denied';
    throw error;
  }
}
