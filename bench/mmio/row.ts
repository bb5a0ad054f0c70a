/** The rows of the MMIO benchmark: which paths are measured, with which operations, and what each figure means. */

import type { DispatcherKind } from '../../src/ioregion/index.js';

export const PATHS = [
  'exit-inline',
  'ioregionfd-thread',
  'ioregionfd-process',
  'ioregionfd-posted',
  'ioeventfd',
  'loopback-thread',
  'loopback-posted',
] as const;

/** How an access reaches its handler. */
export type PathName = (typeof PATHS)[number];
export type Operation = 'read' | 'write';
/** `js`: handler and vCPU loop in JavaScript. `c`: the same thing in bench/reference. */
export type Implementation = 'js' | 'c';
/** What turns the access into a command: `none` where no command is made. */
export type RowDispatcher = DispatcherKind | 'none';

export interface PathFacts {
  readonly operations: readonly Operation[];
  /** Needs a usable /dev/kvm. */
  readonly kvm: boolean;
  /** The guest does not wait for the device: throughput is the figure that counts. */
  readonly posted: boolean;
  readonly dispatcher: RowDispatcher;
  /** One sentence for the report. */
  readonly summary: string;
}

export const PATH_FACTS: Readonly<Record<PathName, PathFacts>> = {
  'exit-inline': {
    operations: ['read', 'write'],
    kvm: true,
    posted: false,
    dispatcher: 'none',
    summary: 'A KVM exit, handled by the thread that runs the vCPU.',
  },
  'ioregionfd-thread': {
    operations: ['read', 'write'],
    kvm: true,
    posted: false,
    dispatcher: 'native',
    summary: 'A command to a region server on another thread; the guest waits for its response.',
  },
  'ioregionfd-process': {
    operations: ['read', 'write'],
    kvm: true,
    posted: false,
    dispatcher: 'native',
    summary: 'A command to a region server in another process; the guest waits for its response.',
  },
  'ioregionfd-posted': {
    operations: ['write'],
    kvm: true,
    posted: true,
    dispatcher: 'native',
    summary: 'Posted writes to a region server on another thread: the guest goes on at once.',
  },
  ioeventfd: {
    operations: ['write'],
    kvm: true,
    posted: true,
    dispatcher: 'none',
    summary: 'A doorbell that KVM turns into an eventfd signal without leaving the kernel.',
  },
  'loopback-thread': {
    operations: ['read', 'write'],
    kvm: false,
    posted: false,
    dispatcher: 'loopback',
    summary: 'Without KVM: a caller thread and a region server thread, waiting for each response.',
  },
  'loopback-posted': {
    operations: ['write'],
    kvm: false,
    posted: true,
    dispatcher: 'loopback',
    summary: 'Without KVM: posted writes from a caller thread to a region server thread.',
  },
};

/** Width of every measured access, in bytes. */
export const ACCESS_SIZE = 4;

/** One path and operation: measured twice, as `js` and as `c`. */
export interface PairSpec {
  readonly path: PathName;
  readonly operation: Operation;
}

/** All pairs of `paths`, in the order of the table. */
export function pairsOf(paths: readonly PathName[]): PairSpec[] {
  return PATHS.filter((path) => paths.includes(path)).flatMap((path) =>
    PATH_FACTS[path].operations.map((operation) => ({ path, operation })),
  );
}

export function isPathName(text: string): text is PathName {
  return (PATHS as readonly string[]).includes(text);
}

/** The paths that this host can run. */
export function runnablePaths(kvmUsable: boolean): PathName[] {
  return PATHS.filter((path) => kvmUsable || !PATH_FACTS[path].kvm);
}
