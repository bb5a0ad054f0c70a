/** What every dispatcher offers; the contract is in ../README.md and one test suite runs over all of them. */
import type { RegionOptions, RegionStats } from './region.js';

export type DispatcherKind = 'kernel' | 'native' | 'loopback';

/** A region that has been added. */
export interface Region {
  readonly options: RegionOptions;
  /**
   * How the server finds the device: commands carry one of these user data, with offsets from `base`. One entry, the
   * region's own user data and base 0, except from the kernel dispatcher, which splits a range around ioeventfds.
   */
  readonly routes: readonly RegionRoute[];
  /** null where the dispatcher (the kernel) does not count. */
  stats(): RegionStats | null;
  /** Removes it and wakes and fails its waiters. Idempotent. */
  remove(): void;
}

export interface RegionRoute {
  readonly userData: bigint;
  /** Bytes to add to the offset of a command. */
  readonly base: number;
}

/** Turns guest accesses into commands. */
export interface Dispatcher {
  readonly kind: DispatcherKind;
  /**
   * @throws RegionInvalidError (EINVAL), RegionBadFdError (EBADF), RegionExistsError (EEXIST), RegionLimitError
   * (ENOSPC), DispatcherClosedError.
   */
  addRegion(options: RegionOptions): Region;
  /** Removes all regions. Idempotent. */
  close(): void;
}
