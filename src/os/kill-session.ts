import type { LiveProcess, ProcessIdentity } from '../core/process.ts';
import { monotonicMs, sleep } from './clock.ts';
import { errnoOf } from './errno.ts';
import { effect } from './fault-point.ts';
import { findProcess, listPids, readProcess } from './process-table.ts';

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
 * Kills a session: its leader is stopped, the members are killed first, the leader when no new ones appear. While it lives the session is known by it,
 * so that, should we die half way, the next pass does it again. Ends when all are dead (zombies are), after 5 seconds at
 * the latest. Whoever has left for a session of his own is not touched, nor are we if we belong to it, nor is what
 * another user runs in it.
 */
export async function killSession(leader: ProcessIdentity): Promise<KillOutcome> {
  const found = findProcess(leader);
  if (found === undefined) return { kind: 'gone' };
  // A successor that its predecessor has named leads no session of its own: it is in that one's.
  const { sessionId } = found;
  // Stopped, it starts nobody new for those who die.
  if (send(leader.pid, 'SIGSTOP') === 'denied') return { kind: 'denied' };
  const asked: Asked = new Map();
  const deadline = monotonicMs() + maxMs;
  let quiet = 0;
  for (let round = 0; round < maxRounds && monotonicMs() < deadline; round += 1) {
    const leads = findProcess(leader) !== undefined; // before the look: whoever it starts until its end is seen
    const { areNew, areLeft } = killMembers(leader, sessionId, asked);
    if (leads && (!areNew || round >= childRounds)) killLeader(leader, asked);
    quiet = leads || areLeft ? 0 : quiet + 1;
    if (quiet === quietRounds) break;
    await sleep(roundMs);
  }
  const pids = [...asked.values()].filter(({ answer }) => answer === 'sent').map(({ pid }) => pid);
  return pids.length === 0 ? { kind: 'gone' } : { kind: 'killed', pids };
}

/** Says whether there were members that have not been killed before, and whether any live that may be killed. */
function killMembers(
  leader: ProcessIdentity,
  sessionId: number,
  asked: Asked,
): { areNew: boolean; areLeft: boolean } {
  const known = asked.size;
  let areLeft = false;
  for (const member of membersBesides(leader, sessionId)) {
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
function* membersBesides(leader: ProcessIdentity, sessionId: number): Generator<LiveProcess> {
  const namesake = readProcess(sessionId);
  // The number of a session is given to another one when its last member is dead: whoever bears it then is younger.
  if (namesake !== undefined && namesake.startTime > leader.startTime) return;
  for (const pid of listPids()) {
    const found = readProcess(pid);
    if (found !== undefined && isMember(found, leader, sessionId)) yield found;
  }
}

/**
 * Nobody in a session is older than its leader: one who is bears a number that was given away again. Whoever is older than
 * a successor is still finishing what its predecessor began, and is none of its own.
 */
const isMember = (found: LiveProcess, leader: ProcessIdentity, sessionId: number): boolean =>
  found.sessionId === sessionId &&
  found.pid !== leader.pid &&
  found.pid !== process.pid &&
  found.startTime >= leader.startTime;

function send(pid: number, signal: 'SIGKILL' | 'SIGSTOP'): Answer {
  try {
    process.kill(pid, signal);
    effect();
    return 'sent';
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return 'gone';
    if (errnoOf(error) === 'EPERM') return 'denied';
    throw error;
  }
}
