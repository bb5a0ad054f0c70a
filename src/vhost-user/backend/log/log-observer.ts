/** Logs what a queue writes: buffers, the ring, and what tells the driver whether to kick. */
import type { ObservedChain, QueueObserver, QueueSetup } from '../../../virtio/queue/index.js';
import { DESCRIPTOR_SIZE, EventSuppression, Feature, UsedRing } from '../../../virtio/spec/index.js';
import type { DirtyLog } from './dirty-log.js';

/** From an address as the driver uses it to a guest address; null where nothing is there. */
export type ToGuest = (address: number) => number | null;

/** `usedAddress`: where the device area is logged, a guest address. */
export function logObserver(log: DirtyLog, setup: QueueSetup, usedAddress: number, toGuest: ToGuest): QueueObserver {
  const packed = (setup.features & Feature.ringPacked) !== 0n;
  const Observer = packed ? PackedLogObserver : SplitLogObserver;
  return new Observer(log, setup, usedAddress, toGuest);
}

/** The device may have written to any of it, whatever it reports. */
function markBuffers(log: DirtyLog, { writable }: ObservedChain, toGuest: ToGuest): void {
  for (let i = 0; i < writable.segmentCount; i++) {
    const address = toGuest(writable.address(i));
    if (address !== null) log.mark(address, writable.length(i));
  }
}

class SplitLogObserver implements QueueObserver {
  readonly #log: DirtyLog;
  readonly #toGuest: ToGuest;
  readonly #ring: number;
  readonly #availEvent: number;

  constructor(log: DirtyLog, { size }: QueueSetup, usedAddress: number, toGuest: ToGuest) {
    this.#toGuest = toGuest;
    this.#log = log;
    this.#ring = usedAddress;
    this.#availEvent = usedAddress + UsedRing.ring + UsedRing.entrySize * size;
  }

  taken(): void {}

  used(chain: ObservedChain, at: number): void {
    markBuffers(this.#log, chain, this.#toGuest);
    this.#log.mark(this.#ring + UsedRing.ring + UsedRing.entrySize * at, UsedRing.entrySize);
  }

  published(): void {
    this.#log.mark(this.#ring, UsedRing.ring);
  }

  kicksSet(): void {
    this.#log.mark(this.#ring, UsedRing.ring);
    this.#log.mark(this.#availEvent, 2);
  }
}

class PackedLogObserver implements QueueObserver {
  readonly #log: DirtyLog;
  readonly #toGuest: ToGuest;
  readonly #ring: number;
  readonly #device: number;

  constructor(log: DirtyLog, { descriptors }: QueueSetup, usedAddress: number, toGuest: ToGuest) {
    this.#toGuest = toGuest;
    this.#log = log;
    this.#ring = toGuest(Number(descriptors)) ?? 0;
    this.#device = usedAddress;
  }

  taken(): void {}

  used(chain: ObservedChain, at: number): void {
    markBuffers(this.#log, chain, this.#toGuest);
    this.#log.mark(this.#ring + DESCRIPTOR_SIZE * at, DESCRIPTOR_SIZE);
  }

  /** The first one of a batch is written when it is published. */
  published(_used: number, first: number): void {
    this.#log.mark(this.#ring + DESCRIPTOR_SIZE * first, DESCRIPTOR_SIZE);
  }

  kicksSet(): void {
    this.#log.mark(this.#device, EventSuppression.size);
  }
}

/** Both of them, one after the other. */
export class ObserverPair implements QueueObserver {
  readonly #first: QueueObserver;
  readonly #second: QueueObserver;

  constructor(first: QueueObserver, second: QueueObserver) {
    this.#first = first;
    this.#second = second;
  }

  taken(chain: ObservedChain, at: number): void {
    this.#first.taken(chain, at);
    this.#second.taken(chain, at);
  }

  used(chain: ObservedChain, at: number): void {
    this.#first.used(chain, at);
    this.#second.used(chain, at);
  }

  published(used: number, first: number): void {
    this.#first.published(used, first);
    this.#second.published(used, first);
  }

  kicksSet(): void {
    this.#first.kicksSet();
    this.#second.kicksSet();
  }
}
