import { unitOf, userOf } from '../protocols/cgroup.ts';
import type { GroupLimits } from '../model/config.ts';

/** What a limit of a control group needs of the kernel. */
export type Controller = 'memory' | 'cpu';

/** A control group that groups of instances could be made in. */
export interface GroupPlace {
  /** As in `/proc/PID/cgroup`. */
  readonly path: string;
  /** We may make groups in it, and move processes of it. */
  readonly isWritable: boolean;
  /** It has no processes of its own, or is the host's first one: only such groups hand controllers on. */
  readonly isHollow: boolean;
  readonly controllers: readonly string[];
}

/** The systemd that could make groups: the system's for root, otherwise the user's own. */
export interface GroupManager {
  /** The controllers that it has. */
  readonly controllers: readonly string[];
  /** The socket by which it can be asked; undefined: there is none. */
  readonly socket?: string;
  /** The program that asks it; undefined: there is none. */
  readonly busctl?: string;
  /** It runs from boot to shutdown. */
  readonly isLasting: boolean;
}

/** What is known of control groups on this host. */
export interface GroupFacts {
  /** Whether version 2 has all controllers. */
  readonly isUnified: boolean;
  readonly isRoot: boolean;
  readonly user: string;
  /** Undefined: no systemd runs this host. */
  readonly manager?: GroupManager;
  /** The group of the process that starts workers. */
  readonly own: GroupPlace;
  /** The group above that. */
  readonly above?: GroupPlace;
}

/** How an instance gets its control group. */
export type GroupWay =
  | {
      readonly kind: 'scope';
      readonly of: 'system' | 'user';
      readonly busctl: string;
      readonly socket: string;
    }
  /** In this group, whose own processes have to be moved out of the way first if there are any. */
  | { readonly kind: 'folder'; readonly path: string; readonly isHollow: boolean }
  | {
      readonly kind: 'none';
      /** The key of the limit that cannot be kept. */
      readonly key: string;
      readonly found: string;
      /** What to do. */
      readonly hint: string;
    };

/** The keys of the limits, and what each needs. */
export const controllersOf = ({ memoryMax, cpu }: GroupLimits): readonly Controller[] => [
  ...(memoryMax === undefined ? [] : (['memory'] as const)),
  ...(cpu === undefined ? [] : (['cpu'] as const)),
];

const keys: Readonly<Record<Controller, string>> = {
  memory: 'limits.memory_max',
  cpu: 'limits.cpu',
};

/** What a host must offer. */
export const expectedGroup = 'a control group that can be limited';

/**
 * How a group with these limits is made here. systemd comes first: what it does not know of, it may undo. Without it, the
 * group must be ours to divide: delegated to this user, or a container's. Source: the kernel's admin-guide/cgroup-v2
 * (delegation, no internal processes), systemd's CGROUP_DELEGATION.
 */
export function groupWay(facts: GroupFacts, limits: GroupLimits): GroupWay {
  const { isUnified, isRoot, manager, own, above } = facts;
  const needed = controllersOf(limits);
  const lacks = (has: readonly string[]) => needed.filter((one) => !has.includes(one));
  const none = ([found, hint]: Obstacle): GroupWay => {
    const [one = 'memory'] = [...lacks((manager ?? own).controllers), ...needed];
    return { kind: 'none', key: keys[one], found, hint };
  };
  if (!isUnified)
    return none([
      'control groups of version 1',
      'boot the host with version 2 (kernel parameter systemd.unified_cgroup_hierarchy=1)',
    ]);
  const obstacle = manager && managerObstacle(facts, manager, lacks(manager.controllers));
  if (manager?.busctl !== undefined && manager.socket !== undefined && obstacle === undefined) {
    const { busctl, socket } = manager;
    return { kind: 'scope', of: isRoot ? 'system' : 'user', busctl, socket };
  }
  const isSystemds = manager !== undefined && (isRoot || userOf(unitOf(own.path)) !== undefined);
  const isUsable = ({ isWritable, controllers }: GroupPlace): boolean =>
    !isSystemds && isWritable && lacks(controllers).length === 0;
  if (above?.isHollow === true && isUsable(above)) return folder(above);
  if (isUsable(own)) return folder(own);
  return none(noWay(facts, obstacle, lacks(own.controllers)));
}

const folder = ({ path, isHollow }: GroupPlace): GroupWay => ({ kind: 'folder', path, isHollow });

/** Why systemd cannot make a group: what was found, and what to do. */
type Obstacle = readonly [found: string, hint: string];

function managerObstacle(
  { isRoot, user }: GroupFacts,
  { isLasting, socket, busctl }: GroupManager,
  lacking: readonly Controller[],
): Obstacle | undefined {
  const whose = isRoot ? 'systemd' : `the systemd of ${user}`;
  if (!isLasting)
    return [`${whose}, which ends with the last logout`, `loginctl enable-linger ${user}`];
  if (busctl === undefined || socket === undefined)
    return [
      `no ${busctl === undefined ? 'busctl' : 'message bus'} for ${whose}`,
      `install ${isRoot ? 'dbus' : 'dbus-user-session, and log in again'}`,
    ];
  if (lacking.length === 0) return undefined;
  return [
    `${whose} without the controller ${lacking.join(' and ')}`,
    isRoot
      ? 'remove cgroup_disable from the parameters of the kernel'
      : 'as root: systemctl edit user@.service, and below [Service] Delegate=cpu memory pids; then boot',
  ];
}

function noWay(
  { isRoot, user, manager, own: { path, isWritable } }: GroupFacts,
  obstacle: Obstacle = ['', ''],
  lacking: readonly Controller[],
): Obstacle {
  if (manager === undefined)
    return isWritable
      ? [
          `/sys/fs/cgroup${path} without the controller ${lacking.join(' and ')}`,
          'let the group above hand it on (cgroup.subtree_control)',
        ]
      : [
          `/sys/fs/cgroup${path}, which ${user} cannot write to`,
          'delegate that group; in a container mount /sys/fs/cgroup writable',
        ];
  if (isRoot || isWritable) return obstacle;
  const [found, hint] = obstacle;
  return [
    `${found}, and ${unitOf(path).name}, which is not delegated to ${user}`,
    `${hint}; or run workerctl watch as a unit with Delegate=yes (workerctl install systemd)`,
  ];
}

/** Why an instance cannot have its limits, in words. */
export const groupProblem = ({ key, found, hint }: Extract<GroupWay, { kind: 'none' }>): string =>
  `${key}: expected ${expectedGroup}, found ${found}; ${hint}`;
