/** What the queues of a network device share: its state as the driver has set it, and the network behind it. */
import type { NetBackend, NetPort, PortListener } from './backend.js';
import type { NetConfig } from './config.js';
import { noCounts } from './counters.js';
import { consistent, GUEST_OFFLOADS, type Negotiated, receiveRules } from './features.js';
import type { OffloadRules } from './packet.js';
import { ReceiveFilter } from './receive-filter.js';
import type { SavedActivity, SavedNetState } from './saved-state.js';

/** Multiqueue is off until the driver switches it on (5.1.6.5.5). */
const DEFAULT_PAIRS = 1;

export class Link {
  readonly counters = noCounts();
  readonly config: NetConfig;
  readonly filter: ReceiveFilter;
  readonly #backend: NetBackend;
  readonly #initialMac: Uint8Array;
  #negotiated: Negotiated | undefined;
  #activity: SavedActivity | null = null;
  /** What packets for the driver may leave to it now. */
  receiveRules: OffloadRules = receiveRules(0n);
  /** Packets pass. */
  up = true;

  constructor(config: NetConfig, backend: NetBackend) {
    this.config = config;
    this.filter = new ReceiveFilter(config.mac);
    this.#backend = backend;
    this.#initialMac = config.mac.slice();
    config.linkUp = true;
  }

  /** From `start` to `reset`. */
  get negotiated(): Negotiated {
    return this.#negotiated!;
  }

  get hasControlQueue(): boolean {
    return this.#negotiated?.hasControlQueue ?? false;
  }

  /** Pairs of queues that exist for the driver (5.1.2); 0 before `start`. */
  get pairsInUse(): number {
    if (this.#negotiated === undefined) return 0;
    return this.#negotiated.multiQueue ? this.config.maxQueuePairs : DEFAULT_PAIRS;
  }

  /** The driver is ready: packets may pass. */
  start(negotiated: Negotiated, listeners: readonly PortListener[]): readonly NetPort[] {
    this.#negotiated = negotiated;
    this.config.macWritable = negotiated.legacy;
    this.filter.byAddress = negotiated.filtersAddresses;
    this.filter.byVlan = negotiated.filtersVlans;
    const { pairs = DEFAULT_PAIRS, guestOffloads = GUEST_OFFLOADS } = this.#activity ?? {};
    this.#activity = {
      pairs: negotiated.multiQueue ? pairs : DEFAULT_PAIRS,
      guestOffloads: this.#offloads(guestOffloads),
    };
    this.receiveRules = receiveRules(this.#activity.guestOffloads);
    const { headerBytes } = negotiated;
    const ports = this.#backend.start({ headerBytes, guestOffloads: this.#activity.guestOffloads }, listeners);
    this.#backend.setActivePairs(this.#activity.pairs);
    return ports;
  }

  /** Back to what a driver finds first. */
  reset(): void {
    this.#backend.stop();
    this.#negotiated = undefined;
    this.#activity = null;
    this.filter.reset();
    this.config.mac.set(this.#initialMac);
    this.config.macWritable = true;
    this.config.announce = false;
  }

  /** False where an offload has not been negotiated (5.1.6.5.8.1). */
  setGuestOffloads(wanted: bigint): boolean {
    const offloads = this.#offloads(wanted);
    if (offloads !== wanted) return false;
    this.#backend.setGuestOffloads(offloads);
    this.receiveRules = receiveRules(offloads);
    this.#activity!.guestOffloads = offloads;
    return true;
  }

  /** False where there are not so many (5.1.6.5.6.1). */
  setActivePairs(count: number): boolean {
    if (count < 1 || count > this.config.maxQueuePairs) return false;
    this.#backend.setActivePairs(count);
    this.#activity!.pairs = count;
    return true;
  }

  /** The part of `wanted` that the driver may switch on. */
  #offloads(wanted: bigint): bigint {
    return consistent(wanted & this.negotiated.features & GUEST_OFFLOADS);
  }

  save(): SavedNetState {
    const { config, filter } = this;
    const active = this.#activity === null ? null : { ...this.#activity };
    return { mac: config.mac.slice(), announce: config.announce, active, filter: filter.save() };
  }

  /** Before `start`, with a checked state. */
  restore({ mac, announce, active, filter }: SavedNetState): void {
    this.config.mac.set(mac);
    this.config.announce = announce;
    this.#activity = active;
    this.filter.restore(filter);
  }
}
