import type { LiveProcess, ProcessIdentity, Witnessed } from '../../core/model/process.ts';
import type { SessionMember } from '../../core/model/record.ts';
import { monotonicMs, sleep } from './clock.ts';
import { errnoOf } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { findProcess, listPids, readProcess } from './process-table.ts';
import {
  allProcesses,
  descendantsOf,
  detachedBy,
  leftBehindBy,
  membersBeside,
  type DeadLeader,
} from './session.ts';
import { shimWords } from './strays.ts';

/**
 * The result: `killed` names all processes that got the signal (one in an uninterruptible sleep dies later). With `gone` and
 * `denied` (the leader is another user's) none did.
 */
export type KillOutcome =
  | { readonly kind: 'killed'; readonly pids: readonly number[] }
  | { readonly kind: 'gone' }
  | { readonly kind: 'denied' };

type Answer = 'sent' | 'gone' | 'denied';

/** By pid and start time, because a pid can be reused within a session, too. */
type Asked = Map<string, { readonly pid: number; readonly answer: Answer }>;

const maxRounds = 200;
const maxMs = 5_000;
const roundMs = 10;

/** If new members keep appearing, the leader is killed after this many rounds in any case. */
const childRounds = 10;

/** One look may miss the child of a process that ended between the listing and its turn. */
const quietRounds = 2;

/** What has descended from a process, or is in its session: what lives of that later was its own, if the kernel finds it again. */
export function familyBeside(
  process: ProcessIdentity,
  all: readonly LiveProcess[],
): SessionMember[] {
  const session = membersBeside(process, all);
  const known = new Set(session.map(({ pid }) => pid));
  const others = detachedFrom(process, all).filter(({ pid }) => !known.has(pid));
  return [...session, ...others].map(({ pid, startTime }) => ({ pid, startTime }));
}

/**
 * Kills a session: its leader is stopped, then the members are killed, and the leader last, when no new ones appear. The
 * session is found by its leader, so that the next pass can do this again if we die half way. Returns when all are dead or
 * zombies, after 5 seconds at the latest. Children that have created sessions of their own are killed with these, as long as
 * their descent can be seen; other users' processes are not, nor are we if we belong to them. If the process does not lead its
 * session (it has forked twice, or has taken over from its predecessor), only it and its descendants are killed. A
 * `successor` and its descendants live on.
 */
export async function killSession(
  leader: Witnessed,
  successor?: ProcessIdentity,
): Promise<KillOutcome> {
  const found = findProcess(leader);
  if (found === undefined) return { kind: 'gone' };
  const members =
    found.sessionId === leader.pid ? sessionWithDetached() : familyIn(found.sessionId);
  const membersBesides = successor === undefined ? members : sparing(successor, members);
  // A stopped leader does not replace the children that die.
  if (send(leader.pid, 'SIGSTOP') === 'denied') return { kind: 'denied' };
  const asked: Asked = new Map();
  const deadline = monotonicMs() + maxMs;
  let quiet = 0;
  for (let round = 0; round < maxRounds && monotonicMs() < deadline; round += 1) {
    const leads = findProcess(leader) !== undefined; // before the members are listed: what it starts until its end is seen
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
 * Kills what a dead process has left in its session. `isProof` says which of its members proves that the session is the
 * instance's; without one, nothing is killed (`unproven`). The `family` was noted while the process lived. Returns when all are
 * dead, after 5 seconds at the latest.
 */
export async function killLeftBehind(
  leader: DeadLeader,
  isProof: (member: LiveProcess) => boolean,
  family: readonly SessionMember[] = [],
): Promise<KillOutcome | { readonly kind: 'unproven' }> {
  const { bootId } = leader;
  const known = (): LiveProcess[] => family.flatMap((one) => findProcess({ ...one, bootId }) ?? []);
  const left = [...leftBehindBy(leader, allProcesses()), ...known()];
  if (left.length === 0) return { kind: 'gone' };
  const isSessions = left.some((one) => one.sessionId === leader.pid && isProof(one));
  if (!isSessions && left.every((one) => one.sessionId === leader.pid)) return { kind: 'unproven' };
  const asked: Asked = new Map();
  const deadline = monotonicMs() + maxMs;
  for (let quiet = 0; quiet < quietRounds && monotonicMs() < deadline;) {
    const session = isSessions ? sessionOf(leader) : [];
    const members = [...session, ...detachedBy(leader, allProcesses()), ...known()];
    quiet = killMembers(members, asked).areLeft ? 0 : quiet + 1;
    await sleep(roundMs);
  }
  const answers = [...asked.values()];
  const pids = answers.filter(({ answer }) => answer === 'sent').map(({ pid }) => pid);
  if (pids.length > 0) return { kind: 'killed', pids };
  return { kind: answers.some(({ answer }) => answer === 'denied') ? 'denied' : 'gone' };
}

/** Returns whether there were members that had not been killed before, and whether any lives that we may kill. */
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

/** The living members of a session without its leader, each one read when its turn comes. */
function* sessionOf(leader: ProcessIdentity): Generator<LiveProcess> {
  const holder = readProcess(leader.pid);
  // When its last member is dead, the number of a session is reused.
  if (holder !== undefined && holder.startTime !== leader.startTime) return;
  for (const pid of listPids()) {
    const found = readProcess(pid);
    if (found !== undefined && isMember(found, leader)) yield found;
  }
}

/** The same, and before it what has descended from the leader in other sessions, and these sessions. */
function sessionWithDetached(): (leader: ProcessIdentity) => Iterable<LiveProcess> {
  const heads = new Map<number, LiveProcess>();
  return function* (leader) {
    const detached = findProcess(leader) === undefined ? [] : detachedFrom(leader, allProcesses());
    for (const one of detached) if (one.sessionId === one.pid) heads.set(one.pid, one);
    yield* detached;
    for (const head of heads.values()) yield* sessionOf(head);
    yield* sessionOf(leader);
  };
}

/** The descendants of a process in other sessions, without what a shim has started: that is an instance of its own. */
function detachedFrom({ pid }: ProcessIdentity, all: readonly LiveProcess[]): LiveProcess[] {
  const family = descendantsOf(pid, all);
  const shims = new Set([...family].filter((one) => shimWords(one) !== undefined));
  const own = descendantsOf(
    pid,
    all.filter((one) => !shims.has(one.pid)),
  );
  return all.filter(
    (one) =>
      own.has(one.pid) && one.sessionId !== pid && one.pid !== pid && one.pid !== process.pid,
  );
}

/**
 * Of a session that the process does not lead, only its descendants: the others may belong to a login, or finish what a
 * predecessor began. All are read at once, because the children of a killed process get another parent.
 */
const familyIn =
  (session: number) =>
  (root: ProcessIdentity): LiveProcess[] => {
    if (findProcess(root) === undefined) return []; // its pid may have been reused
    const { pid, startTime } = root;
    const all = allProcesses();
    const family = descendantsOf(pid, all);
    return all.filter(
      (each) =>
        each.sessionId === session &&
        family.has(each.pid) &&
        each.pid !== pid &&
        each.pid !== process.pid &&
        each.startTime >= startTime,
    );
  };

/** The same members without the successor, if that lives, and its descendants. */
const sparing =
  (
    successor: ProcessIdentity,
    membersBesides: (leader: ProcessIdentity) => Iterable<LiveProcess>,
  ) =>
  (leader: ProcessIdentity): LiveProcess[] => {
    const members = [...membersBesides(leader)];
    if (findProcess(successor) === undefined) return members;
    const family = descendantsOf(successor.pid, members);
    return members.filter(({ pid }) => !family.has(pid));
  };

/** No member of a session is older than its leader: if one is, the leader's pid was reused. */
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
