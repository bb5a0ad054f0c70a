/** The rings of a session, and the device that serves those that are ready. */
import type { GuestMemory } from '../../memory/index.js';
import { PAGE_SIZE } from '../../native/index.js';
import type { LocalControl, QueueStart } from '../../virtio/control/index.js';
import type { InterruptSource } from '../../virtio/interrupt/index.js';
import type { QueueSetup } from '../../virtio/queue/index.js';
import { DESCRIPTOR_SIZE, Feature, RingPosition, UsedRing } from '../../virtio/spec/index.js';
import { VhostUserRequestError } from '../errors.js';
import type { VringAddress } from '../message/index.js';
import { VhostFeature, VRING_LOG_USED } from '../spec/index.js';
import { type InflightArea, PackedTracker, SplitTracker } from './inflight/index.js';
import { addressesOf, Iotlb, type IovaRange } from './iotlb.js';
import { type DirtyLog, logObserver, ObserverPair } from './log/index.js';
import type { MemorySlots } from './memory-slots.js';
import { Ring } from './ring.js';

/** How often a ring is looked at that nobody kicks, ms. */
const POLL_MS = 1;

const NOT_THE_DEVICES = VhostFeature.protocolFeatures | VhostFeature.logAll;

/**
 * Whatever changes a ring that runs stops it first and waits until nothing of it is in flight; `update` starts what is
 * ready again.
 */
/** Where translations come from. */
export interface TranslationSource {
  ask(iova: number, writing: boolean): void;
  /** What has come, or been taken back, and was not asked for yet, is not asked for any more. null: all. */
  forget(range: IovaRange | null): void;
}

export class Rings {
  /** What the frontend has accepted. */
  features = 0n;
  readonly #control: LocalControl;
  readonly #slots: MemorySlots;
  readonly #interrupts: InterruptSource;
  readonly #rings: readonly Ring[];
  readonly #polls = new Map<Ring, NodeJS.Timeout>();
  #memory: GuestMemory | null = null;
  #inflight: InflightArea | null = null;
  /** Rings that have started with that area. */
  readonly #withArea = new Set<Ring>();
  #log: DirtyLog | null = null;
  readonly #iotlb: Iotlb;
  readonly #translations: TranslationSource;
  /** Pages at I/O virtual addresses that have been asked for and have not come; plus one where they are to be written. */
  readonly #asked = new Set<number>();

  constructor(control: LocalControl, slots: MemorySlots, interrupts: InterruptSource, translations: TranslationSource) {
    this.#translations = translations;
    this.#iotlb = new Iotlb(slots);
    this.#control = control;
    this.#slots = slots;
    this.#interrupts = interrupts;
    this.#rings = control.description.queueSizes.map((size, index) => new Ring(index, size));
  }

  /** VhostUserRequestError where there is no such ring. */
  at(index: number): Ring {
    const ring = this.#rings[index];
    if (ring === undefined) throw new VhostUserRequestError(`vring ${index} of ${this.#rings.length}`);
    return ring;
  }

  get all(): readonly Ring[] {
    return this.#rings;
  }

  get packed(): boolean {
    return (this.features & Feature.ringPacked) !== 0n;
  }

  get anyRunning(): boolean {
    return this.#rings.some(({ running }) => running);
  }

  /** Starts the rings that are ready and do not run. */
  async update(): Promise<void> {
    for (const ring of this.#rings) if (!ring.running && this.#isReady(ring)) await this.#start(ring);
  }

  /** Stops `rings`; their positions are those of the first chains that the device has not completed. */
  async stop(rings: readonly Ring[] = this.#rings): Promise<void> {
    const running = rings.filter((ring) => ring.running);
    for (const { index } of running) this.#control.stopQueue(index);
    if (running.some(({ index }) => this.#control.state.queueRunning(index))) await this.#control.settled();
    for (const ring of running) this.#stopped(ring);
  }

  /** GET_VRING_BASE. A guest that has stopped all of them while its writes are logged goes on elsewhere: it migrates. */
  async end(ring: Ring): Promise<void> {
    await this.stop([ring]);
    ring.started = false;
    if (this.#activeLog !== null && !this.#rings.some(({ started }) => started)) this.#control.relinquishDevice();
  }

  /** Stops what runs, makes a change, and starts what is ready. */
  async change(ring: Ring, change: () => void): Promise<void> {
    await this.stop([ring]);
    change();
    await this.update();
  }

  /** Stops everything and brings the device back to where it was before the driver; rings keep where they are. */
  async resetDevice(): Promise<void> {
    await this.stop();
    this.#forgetAsked(null); // what an earlier driver used may never come
    if (!this.#control.state.active) return;
    this.#control.reset();
    await this.#control.settled();
  }

  /** Notes chains in flight there from now on; takes the area over. */
  async setInflight(area: InflightArea | null): Promise<void> {
    await this.stop();
    this.#inflight?.close();
    this.#inflight = area;
    this.#withArea.clear();
    await this.update();
  }

  /** Logs writes to guest memory there, while the frontend has accepted F_LOG_ALL; takes the log over. */
  async setLog(log: DirtyLog | null): Promise<void> {
    await this.stop();
    this.#log?.close();
    this.#log = log;
    await this.update();
  }

  /** Changes the translations of a range of I/O virtual addresses, or all of them, while nothing uses them. */
  async changeTranslations(change: (iotlb: Iotlb) => void, range: IovaRange | null = null): Promise<void> {
    await this.stop();
    this.#forgetAsked(range);
    try {
      change(this.#iotlb);
    } finally {
      await this.update();
    }
  }

  /** The driver made chains available. */
  kick(ring: Ring): void {
    if (ring.running) this.#control.kick(ring.index);
  }

  close(): void {
    for (const ring of this.#rings) ring.close();
  }

  /** Everything is there. Without protocol features rings are enabled from the beginning. */
  #isReady({ enabled, started, address }: Ring): boolean {
    const byDefault = (this.features & VhostFeature.protocolFeatures) === 0n;
    return started && address !== null && (enabled ?? byDefault);
  }

  async #start(ring: Ring): Promise<void> {
    const setup = this.#setupOf(ring);
    if (setup === null || !(await this.#activate())) return;
    const inherited = this.#isInherited(ring);
    try {
      this.#control.startQueue(this.#startOf(ring, setup));
    } catch (error) {
      this.#control.fail(`vring ${ring.index} cannot be there: ${(error as Error).message}`);
    }
    if (this.#control.state.needsReset) return void this.#control.stopQueue(ring.index);
    ring.begin();
    this.#withArea.add(ring);
    // Who served it before may have shown chains to the driver and died before the call.
    if (inherited) this.#interrupts.callQueue(ring.index);
    if (ring.kickSource === 'poll') this.#poll(ring);
  }

  /** Another backend has served it, and left its notes. */
  #isInherited(ring: Ring): boolean {
    return !this.#withArea.has(ring) && (this.#inflight?.isBegun(ring.index, ring.size) ?? false);
  }

  /** The device is there for a ring; false where it has failed and others of its rings still run. */
  async #activate(): Promise<boolean> {
    const { state } = this.#control;
    if (state.needsReset && this.anyRunning) return false;
    if (state.needsReset) await this.resetDevice();
    this.#useMemory();
    if (!state.active) this.#control.activate(this.features & ~NOT_THE_DEVICES, [], this.#interrupts);
    return !state.needsReset;
  }

  #useMemory(): void {
    const memory = this.#ringMemory;
    if (this.#memory !== memory) this.#control.replaceMemory(memory);
    this.#memory = memory;
  }

  /** null where writes are not logged. */
  get #activeLog(): DirtyLog | null {
    return (this.features & VhostFeature.logAll) === 0n ? null : this.#log;
  }

  get #translated(): boolean {
    return (this.features & Feature.accessPlatform) !== 0n;
  }

  /** Memory at the addresses that the driver uses. */
  get #ringMemory(): GuestMemory {
    return this.#translated ? this.#iotlb.memory : this.#slots.memory;
  }

  /** True: it may come. Asked for once, until it has come or been taken back: each answer starts the rings, which ask again. */
  #missing(iova: number, writing: boolean): boolean {
    const asked = iova - (iova % PAGE_SIZE) + (writing ? 1 : 0);
    if (!this.#asked.has(asked)) this.#translations.ask(iova, writing);
    this.#asked.add(asked);
    return true;
  }

  #forgetAsked(range: IovaRange | null): void {
    this.#translations.forget(range);
    if (range === null) return void this.#asked.clear();
    const { first, last } = addressesOf(range);
    const start = Number(first);
    const end = Number(last);
    for (const asked of this.#asked) if (asked + PAGE_SIZE > start && asked <= end + 1) this.#asked.delete(asked);
  }

  #setupOf(ring: Ring): QueueSetup | null {
    const areas = this.#areasOf(ring.address!);
    if (areas === null) return null;
    const { index, size, position } = ring;
    const common = { index, size, features: this.features & ~NOT_THE_DEVICES, ...areas };
    return position === null ? common : { ...common, position };
  }

  #startOf(ring: Ring, setup: QueueSetup): QueueStart {
    const start = this.#recover(ring, setup);
    const log = this.#activeLog;
    if (log === null) return start;
    const { flags, log: logAddress } = ring.address!;
    const toGuest = (address: number) => (this.#translated ? this.#iotlb.toGuest(address) : address);
    const used = (flags & VRING_LOG_USED) === 0 ? toGuest(Number(setup.deviceArea)) : Number(logAddress);
    const logger = logObserver(log, setup, used ?? 0, toGuest);
    const observer = start.observer === undefined ? logger : new ObserverPair(start.observer, logger);
    return { ...start, observer };
  }

  /** With chains that were in flight when the ring was served before, by this backend or by one that has died. */
  #recover(ring: Ring, setup: QueueSetup): QueueStart {
    const missing = (iova: number, writing: boolean) => this.#missing(iova, writing);
    const start = { setup, kickFd: ring.kick, ...(this.#translated ? { missing } : {}) };
    const part = this.#inflight?.part(ring.index, setup.size) ?? null;
    if (part === null || this.#inflight?.packed !== this.packed) return start;
    if (this.packed) {
      const observer = new PackedTracker(
        part,
        this.#ringWords(setup),
        setup.size,
        ring.position?.used ?? RingPosition.wrap,
      );
      return { ...start, setup: { ...setup, position: observer.position, recovered: observer.recovered }, observer };
    }
    const used = this.#ringMemory.readU16(setup.deviceArea + BigInt(UsedRing.idx));
    const observer = new SplitTracker(part, setup.size, used);
    const { recovered } = observer;
    const position = { used, available: (used + recovered.length) & 0xffff };
    return { ...start, setup: { ...setup, position, recovered }, observer };
  }

  /** The descriptors of a packed ring. */
  #ringWords({ descriptors, size }: QueueSetup): Uint32Array {
    const bytes = this.#ringMemory.view(descriptors, DESCRIPTOR_SIZE * size);
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  #areasOf({
    descriptors,
    available,
    used,
  }: VringAddress): Pick<QueueSetup, 'descriptors' | 'driverArea' | 'deviceArea'> | null {
    if (this.#translated) return this.#translatedAreas(descriptors, available, used);
    const [table, driver, device] = [descriptors, available, used].map((address) => this.#slots.toGuest(address));
    if (table == null || driver == null || device == null) return null;
    return { descriptors: table, driverArea: driver, deviceArea: device };
  }

  /** Their first addresses are translated; whether all of them is, is found out when the queue is made. */
  #translatedAreas(descriptors: bigint, driverArea: bigint, deviceArea: bigint) {
    const writing = (iova: bigint) => iova === deviceArea || (this.packed && iova === descriptors);
    const missing = [descriptors, driverArea, deviceArea].filter(
      (iova) => !this.#iotlb.has(Number(iova), writing(iova)),
    );
    for (const iova of missing) this.#missing(Number(iova), writing(iova));
    return missing.length > 0 ? null : { descriptors, driverArea, deviceArea };
  }

  #stopped(ring: Ring): void {
    ring.running = false;
    clearInterval(this.#polls.get(ring));
    this.#polls.delete(ring);
    // Chains that the device has dropped are taken again: devices that drop any complete in order.
    const { used } = this.#control.state.position(ring.index);
    ring.position = { available: used, used };
  }

  #poll(ring: Ring): void {
    this.#polls.set(
      ring,
      setInterval(() => this.kick(ring), POLL_MS),
    );
  }
}
