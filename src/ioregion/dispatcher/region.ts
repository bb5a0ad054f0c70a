/** What a region is: its range, its fds, and what happens when the device behind it fails. */
import { RegionInvalidError } from './errors.js';
import type { RegionFailure } from './failure.js';

/** An open file: its number, or an object that owns one. The dispatcher duplicates it; the owner keeps its own. */
export type FdLike = number | { readonly number: number };

export function fdNumber(fd: FdLike): number {
  return typeof fd === 'number' ? fd : fd.number;
}

/** The two ends a dispatcher needs: commands go to `writeFd`, responses come from `readFd`; a socket is both. */
export interface RegionFds {
  readonly readFd: FdLike;
  readonly writeFd: FdLike;
}

/**
 * What the VMM does when the peer of a region is dead, stuck or breaks the protocol.
 * - `all-ones` (default): reads return all ones, writes are dropped, the guest goes on.
 * - `stop`: the run of the vCPU ends with the failure.
 * - `reconnect`: `reconnect` is asked for new fds and the access is sent again, to the new peer (a write that the old
 *   peer had already carried out is then carried out twice). null or a throw ends the access as `all-ones` does.
 */
export type FailurePolicy =
  | { readonly kind: 'all-ones' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'reconnect'; readonly reconnect: (failure: RegionFailure) => Promise<RegionFds | null> };

/** The arguments of KVM_SET_IOREGION, and what the dispatcher needs besides. */
export interface RegionOptions extends RegionFds {
  /** Address space: guest-physical memory or x86 I/O ports. */
  readonly space: 'mmio' | 'pio';
  /** First address: gpa or port. */
  readonly gpa: number | bigint;
  /** Bytes. 0 with `postedWrites`: a sizeless region, writes of any width at exactly `gpa`. */
  readonly size: number | bigint;
  /** Comes back in every command; need not be unique. Default 0. */
  readonly userData?: number | bigint;
  /** The guest does not wait for writes. */
  readonly postedWrites?: boolean;
  readonly policy?: FailurePolicy;
  /**
   * The peer is a region server of this process, which answers each command once. Two checks per access are left out
   * then, 0.6 us where this was written: that no response waits before the command is sent, and that the command has
   * been read when its response is there. Never for another process. Default false.
   */
  readonly trustedPeer?: boolean;
  /** Longest wait for the peer, ms; late by a quarter at most. 0: for ever. Default 5000. */
  readonly deadlineMs?: number;
}

/** The flags of KVM_SET_IOREGION. */
export const RegionFlag = { pio: 1, postedWrites: 2, deassign: 4 } as const;

export const DEFAULT_DEADLINE_MS = 5000;

/** Counters of a region since it was added. */
export interface RegionStats {
  /** Accesses answered by the peer. */
  readonly reads: number;
  readonly writes: number;
  /** Posted writes sent. */
  readonly posted: number;
  /** Failures reported to the VMM. */
  readonly failures: number;
  /** Accesses that ended with all ones or dropped. */
  readonly ended: number;
}

/** The options with defaults and one type each, as the dispatchers use them. */
export interface RegionRequest {
  readonly space: 'mmio' | 'pio';
  readonly gpa: bigint;
  readonly size: bigint;
  readonly userData: bigint;
  readonly readFd: number;
  readonly writeFd: number;
  readonly flags: number;
  readonly policy: FailurePolicy;
  readonly deadlineMs: number;
  readonly trusted: boolean;
}

const U64_LIMIT = 1n << 64n;

function toU64(name: string, value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new RegionInvalidError(`${name} is not an integer`);
  const wide = BigInt(value);
  if (wide < 0n || wide >= U64_LIMIT) throw new RegionInvalidError(`${name} must be from 0 to 2^64 - 1`);
  return wide;
}

/** @throws RegionInvalidError for numbers that no u64 holds. */
export function regionRequest(options: RegionOptions): RegionRequest {
  return {
    space: options.space,
    gpa: toU64('gpa', options.gpa),
    size: toU64('size', options.size),
    userData: toU64('userData', options.userData ?? 0),
    readFd: fdNumber(options.readFd),
    writeFd: fdNumber(options.writeFd),
    flags: (options.space === 'pio' ? RegionFlag.pio : 0) | (options.postedWrites ? RegionFlag.postedWrites : 0),
    policy: options.policy ?? { kind: 'all-ones' },
    deadlineMs: options.deadlineMs ?? DEFAULT_DEADLINE_MS,
    trusted: options.trustedPeer ?? false,
  };
}
