/** A mounted file system. */
export interface Mount {
  readonly point: string;
  /** `ext4`, `nfs4`, `fuse.sshfs`. */
  readonly type: string;
  /** Options of the mount and of the file system: `rw`, `hidepid=2`. */
  readonly options: readonly string[];
}

/** The mounts in `/proc/PID/mountinfo`, in that order. Source: proc_pid_mountinfo(5). */
export const parseMounts = (text: string): Mount[] =>
  text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , point, options = ''] = before.split(' ');
    const [type, , more = ''] = after.split(' ');
    if (point === undefined || type === undefined || type === '') return [];
    const all = [...options.split(','), ...more.split(',')];
    return [{ point: unescaped(point), type, options: all }];
  });

/** The mount of an absolute path without symbolic links. If two have the same mount point, the later one hides the other. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    const { point } = mount;
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    if (isAbove && point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best;
}

/** The kernel writes a space as `\040`. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

const network = String.raw`nfs\d?|cifs|smb\w*|ceph|lustre|gpfs|glusterfs|afs|9p|virtiofs|fuse\.(?:sshfs|glusterfs|s3fs|rclone|ceph\S*)`;
const networkTypes = new RegExp(`^(?:${network})$`);
const foreignTypes = /^(?:vfat|msdos|exfat|ntfs\d?|fuseblk|hfs\w*|iso9660)$/;

/** The kind of a file system: what matters for a state directory. */
export function fileSystemKind(type: string): 'network' | 'foreign' | 'memory' | 'local' {
  if (networkTypes.test(type)) return 'network';
  if (foreignTypes.test(type)) return 'foreign';
  return type === 'tmpfs' || type === 'ramfs' ? 'memory' : 'local';
}

// `fusectl`, which every host with systemd has, is the kernel's own.
const hanging = String.raw`autofs|fuse(?!ctl\b)\S*|${network}`;
const hangingTypes = new RegExp(`^(?:${hanging})$`);
const hangingMount = new RegExp(` - (?:${hanging}) `); // one search for all: each command asks

/** Whether a use of such a file system can last until another host, or another program, answers. */
export const mayHang = (type: string): boolean => hangingTypes.test(type);

/** Whether any mount in `/proc/PID/mountinfo` may hang: most hosts have none, and need not look further. */
export const mayAnyHang = (text: string): boolean => hangingMount.test(text);
