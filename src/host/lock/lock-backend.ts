/** A lock that is held until it is released or the process ends. */
export interface HeldLock {
  /** The open file that the lock is on: a child that inherits it holds the lock too. Undefined for locks that are not the kernel's. */
  readonly fd: number | undefined;
  /** Aborts if the lock was lost to another process; never for kernel locks. */
  readonly compromised: AbortSignal;
  /** Gives it up. A child that inherited the lock continues to hold it. */
  readonly release: () => Promise<void>;
}

/** A way to get exclusive locks on files. */
export interface LockBackend {
  readonly name: 'flock' | 'perl' | 'portable';
  /** Whether these are flock(2) locks: freed by the kernel, inherited through an fd, shared with flock(1). */
  readonly isKernelLock: boolean;
  /**
   * Takes the lock on each of these files without waiting; creates files that are missing.
   * @returns for each path its lock, or undefined if another process holds it
   * @throws the error of a lock that could not even be tried
   */
  readonly tryLock: (paths: readonly string[]) => Promise<readonly (HeldLock | undefined)[]>;
}
