/** The userspace dispatcher: completes the exits of KVM_RUN in native code, before JavaScript sees them. */

import type { FailureRecord } from '../../native/index.js';
import { type DispatcherObject, native } from '../../native/index.js';
import type { Dispatcher, DispatcherKind, Region, RegionRoute } from './dispatcher.js';
import { DispatcherClosedError, withRegionErrors } from './errors.js';
import { RegionFailure } from './failure.js';
import { channelKey, Recovery } from './recovery.js';
import {
  type FailurePolicy,
  fdNumber,
  type RegionOptions,
  type RegionRequest,
  type RegionStats,
  regionRequest,
} from './region.js';

/** How a failed access ends. */
export type FailureDecision = 'all-ones' | 'retry' | 'stop';

/** The numbers of enum policy in native/src/region_table.h. */
const POLICY_NUMBER: Record<FailurePolicy['kind'], number> = { 'all-ones': 0, stop: 1, reconnect: 2 };

type ReconnectPolicy = Extract<FailurePolicy, { kind: 'reconnect' }>;

class NativeRegion implements Region {
  readonly options: RegionOptions;
  readonly routes: readonly RegionRoute[];
  readonly request: RegionRequest;
  readonly id: number;
  /** That of the channel, shared by its regions. */
  readonly recovery: Recovery;
  readonly #owner: NativeDispatcher;

  constructor(owner: NativeDispatcher, options: RegionOptions, request: RegionRequest, id: number, recovery: Recovery) {
    this.#owner = owner;
    this.recovery = recovery;
    this.options = options;
    this.request = request;
    this.routes = [{ userData: request.userData, base: 0 }];
    this.id = id;
  }

  stats(): RegionStats {
    return this.#owner.statsOf(this.id);
  }

  remove(): void {
    this.#owner.removeRegion(this);
  }
}

/**
 * One per machine. vCPUs on other Workers reach it by `id`. Events: `onFailure` hears of every failure once, whatever
 * the policy.
 */
export class NativeDispatcher implements Dispatcher {
  readonly kind: DispatcherKind = 'native';
  /** Called with each first failure of a channel. */
  onFailure: ((failure: RegionFailure) => void) | null = null;
  readonly #regions = new Map<number, NativeRegion>();
  #object: DispatcherObject | null = native.dispatcherCreate();

  /** The native object, for what runs accesses through it. */
  get object(): DispatcherObject {
    if (this.#object === null) throw new DispatcherClosedError();
    return this.#object;
  }

  /** Names this dispatcher to other Workers of the process. */
  get id(): number {
    return native.dispatcherId(this.object);
  }

  addRegion(options: RegionOptions): Region {
    const request = regionRequest(options);
    const { gpa, size, userData, readFd, writeFd, flags, policy, deadlineMs, trusted } = request;
    const object = this.object;
    const id = withRegionErrors(() =>
      native.regionAdd(
        object,
        gpa,
        size,
        userData,
        readFd,
        writeFd,
        flags,
        POLICY_NUMBER[policy.kind],
        deadlineMs,
        trusted,
      ),
    );
    const region = new NativeRegion(this, options, request, id, this.#recoveryOf(writeFd));
    this.#regions.set(id, region);
    return region;
  }

  /** For `Region.remove`. */
  removeRegion(region: NativeRegion): void {
    if (!this.#regions.delete(region.id)) return;
    const { gpa, size, flags } = region.request;
    withRegionErrors(() => native.regionRemove(this.object, gpa, size, flags));
  }

  /** For `Region.stats`. */
  statsOf(id: number): RegionStats {
    const [reads, writes, posted, failures, ended] = withRegionErrors(() => native.regionStats(this.object, id));
    return { reads, writes, posted, failures, ended };
  }

  /** Decides how an access ends that a caller could not complete; called by whoever runs the caller. */
  async resolveFailure(record: FailureRecord): Promise<FailureDecision> {
    const failure = new RegionFailure(record);
    if (failure.first) this.onFailure?.(failure);
    const region = this.#regions.get(failure.regionId);
    if (failure.reason === 'region-removed' || region === undefined) return 'all-ones';
    const { policy } = region.request;
    if (policy.kind !== 'reconnect') return policy.kind;
    if (!native.regionFailed(this.object, region.id)) return 'retry'; /* another vCPU met it too, and it is mended */
    const recovered = await region.recovery.run(() => this.#reconnect(region, policy, failure));
    return recovered ? 'retry' : 'all-ones';
  }

  #recoveryOf(writeFd: number): Recovery {
    const key = channelKey(writeFd);
    for (const { recovery } of this.#regions.values()) if (recovery.key === key) return recovery;
    return new Recovery(key);
  }

  async #reconnect(region: NativeRegion, policy: ReconnectPolicy, failure: RegionFailure): Promise<boolean> {
    try {
      const fds = await policy.reconnect(failure);
      if (fds === null || this.#object === null) return false;
      withRegionErrors(() =>
        native.regionReconnect(this.object, region.id, fdNumber(fds.readFd), fdNumber(fds.writeFd)),
      );
      region.recovery.key = channelKey(fds.writeFd);
      return true;
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error), 'IoregionReconnectWarning');
      return false;
    }
  }

  close(): void {
    const object = this.#object;
    if (object === null) return;
    for (const region of [...this.#regions.values()]) region.remove();
    this.#object = null;
    native.dispatcherRelease(object);
  }
}
