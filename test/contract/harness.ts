/** What a dispatcher must bring along to be put through the contract suite. */
import type { Dispatcher, FdLike, RegionFailure } from 'ioregion/ioregion';
import type { AccessResult, GuestAccess, Space } from './accesses.js';

/** An access that reached the VMM's ordinary handler: no region took it. Reads get all ones. */
export interface UnhandledAccess {
  readonly vcpu: number;
  readonly space: Space;
  readonly write: boolean;
  readonly address: number;
  readonly size: number;
  /** 0 for a read. */
  readonly value: bigint;
}

/** Why a run came back to the VMM. */
export type RunEvent =
  | { readonly type: 'interrupted' }
  | { readonly type: 'stopped'; readonly failure: RegionFailure }
  | { readonly type: 'done' };

export interface RunOptions {
  /** After each event the vCPU waits for `resume`. Default false: it goes on at once. */
  readonly hold?: boolean;
}

/** A guest under way. */
export interface VcpuRun {
  /** In the order of the accesses. */
  readonly results: Promise<readonly AccessResult[]>;
  /** Kicks that the run has come back for. */
  readonly interruptions: number;
  /** The next event; with `hold` each is waited for before `resume`. */
  next(): Promise<RunEvent>;
  resume(): void;
}

export interface ContractVcpu {
  /** Of the thread that makes the accesses, as in /proc/self/task. */
  readonly tid: number;
  start(accesses: readonly GuestAccess[], options?: RunOptions): VcpuRun;
  /** Makes the access under way, or else the next one, come back. */
  kick(): boolean;
  /** Leaves an access under way as it is. Idempotent. */
  close(): Promise<void>;
}

/** One machine: a dispatcher, and vCPUs whose accesses go through it. */
export interface ContractMachine {
  readonly dispatcher: Dispatcher;
  readonly vcpus: readonly ContractVcpu[];
  /** In the order in which the VMM saw them. */
  readonly unhandled: UnhandledAccess[];
  /** What the VMM was told, once for each failure. */
  readonly failures: RegionFailure[];
  close(): Promise<void>;
}

export interface ContractHarness {
  readonly name: string;
  make(): Promise<ContractMachine>;
}

/** The two ends of a channel's files. */
export interface ChannelEnd {
  readonly readFd: FdLike;
  readonly writeFd: FdLike;
}
