import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
  constants,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { GroupLimits } from '../../core/model/config.ts';
import { workerPath } from '../../core/model/launch.ts';
import {
  controllersOf,
  groupWay,
  type GroupFacts,
  type GroupManager,
  type GroupPlace,
  type GroupWay,
} from '../../core/rules/control-group.ts';
import { mayAccess } from '../files/access.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';
import { statsOf } from '../files/stats-of.ts';
import { currentUser } from '../worker/environment.ts';
import { programAt } from './find-program.ts';

/** Where the host's own files are: tests have others. */
export const hostRoot = (): string => process.env['WORKERCTL_TEST_HOST_ROOT'] ?? '';

const root = (): string => `${hostRoot()}/sys/fs/cgroup`;

/** How an instance with these limits gets its group, if a process of this group starts it. */
export const groupWayFrom = (group: string, limits: GroupLimits): GroupWay =>
  groupWay(groupFacts(group), limits);

function groupFacts(group: string): GroupFacts {
  const uid = process.geteuid?.() ?? 0;
  const { name: user } = currentUser();
  const manager = managerOf(uid, user);
  const above = group === '/' ? undefined : dirname(group);
  return {
    isUnified: statsOf(`${root()}/cgroup.controllers`) !== undefined,
    isRoot: uid === 0,
    user,
    ...(manager && { manager }),
    own: placeAt(group),
    ...(above !== undefined && { above: placeAt(above) }),
  };
}

function placeAt(path: string): GroupPlace {
  const folder = join(root(), path);
  const isFirst = statsOf(`${folder}/cgroup.type`) === undefined;
  return {
    path,
    isWritable: ['', 'cgroup.procs', 'cgroup.subtree_control'].every((file) =>
      mayAccess(join(folder, file), constants.W_OK),
    ),
    isHollow: isFirst || readOrEmpty(`${folder}/cgroup.procs`) === '',
    controllers: wordsIn(`${folder}/cgroup.controllers`),
  };
}

const wordsIn = (path: string): string[] => readOrEmpty(path).split(/\s+/).filter(Boolean);

/** Source: systemd's user@.service(5), loginctl(1). */
function managerOf(uid: number, user: string): GroupManager | undefined {
  if (statsOf(`${hostRoot()}/run/systemd/system`) === undefined) return undefined;
  const group = uid === 0 ? '' : `user.slice/user-${uid}.slice/user@${uid}.service`;
  const socket = `${hostRoot()}${uid === 0 ? '/run/dbus/system_bus_socket' : `/run/user/${uid}/bus`}`;
  const busctl = programAt('busctl', `${process.env['PATH'] ?? ''}:${workerPath}`);
  return {
    controllers: wordsIn(join(root(), group, 'cgroup.controllers')),
    isLasting: uid === 0 || statsOf(`${hostRoot()}/var/lib/systemd/linger/${user}`) !== undefined,
    ...(statsOf(socket) && { socket }),
    ...(busctl !== undefined && { busctl }),
  };
}

/** The group that processes of ours are moved to that are in the way: only a group without any hands controllers on. */
const mainName = 'workerctl';

/** After these rounds processes are born faster than they can be moved. */
const mostRounds = 100;

/**
 * Makes an empty group with these limits.
 * @returns its folder
 * @throws WorkerctlError `failed` if the kernel refuses that
 */
export function makeGroup(
  { path, isHollow }: Extract<GroupWay, { kind: 'folder' }>,
  name: string,
  limits: GroupLimits,
): string {
  const parent = join(root(), path);
  if (!isHollow) moveOut(parent);
  const handedOn = wordsIn(`${parent}/cgroup.subtree_control`);
  for (const one of controllersOf(limits))
    if (!handedOn.includes(one)) write(`${parent}/cgroup.subtree_control`, `+${one}`);
  removeEmptyGroups(parent);
  const folder = join(parent, name);
  attempt(folder, () => {
    mkdirSync(folder);
  });
  const { memoryMax, cpu } = limits;
  if (memoryMax !== undefined) {
    write(`${folder}/memory.max`, String(memoryMax));
    if (statsOf(`${folder}/memory.swap.max`) !== undefined) write(`${folder}/memory.swap.max`, '0');
  }
  if (cpu !== undefined) write(`${folder}/cpu.max`, `${Math.round(cpu * 100_000)} 100000`);
  return folder;
}

function moveOut(parent: string): void {
  const main = join(parent, mainName);
  if (statsOf(main) === undefined)
    attempt(main, () => {
      mkdirSync(main);
    });
  for (let round = 0; round < mostRounds; round += 1) {
    const pids = readFileSync(`${parent}/cgroup.procs`, 'latin1').split('\n').filter(Boolean);
    if (pids.length === 0) return;
    for (const pid of pids) if (pid !== '0') write(`${main}/cgroup.procs`, pid, 'ESRCH');
  }
}

/** An empty group that is younger may be that of a start which is under way. */
const youngMs = 30_000;

/** Removes the groups of earlier runs. The kernel keeps those that have processes. */
function removeEmptyGroups(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(`${mainName}-`)) continue;
    try {
      const folder = join(parent, name);
      if (Date.now() - statSync(folder).mtimeMs > youngMs) rmdirSync(folder);
    } catch {
      continue; // not empty, or gone
    }
  }
}

/** @param harmless an error that means that there is nothing to do any more */
function write(path: string, text: string, harmless?: string): void {
  attempt(
    path,
    () => {
      writeFileSync(path, text);
    },
    harmless,
  );
}

function attempt(path: string, act: () => void, harmless?: string): void {
  try {
    act();
  } catch (error) {
    if (errnoOf(error) === harmless) return;
    throw new WorkerctlError('failed', `control group: ${path}: ${describeErrno(error)}`, {
      cause: error,
    });
  }
}
