/** A virtqueue of either format: lifecycle, pops, completions, failure. */
import { Feature } from '../spec/index.js';
import type { Chain } from './chain.js';
import { ChainLine, MOST_AHEAD } from './chain-line.js';
import { QueueError, type QueueRule } from './errors.js';
import { InOrder } from './in-order.js';
import type { MemoryMap } from './memory-map.js';
import { type ChainOwner, ChainState, type QueueChain } from './queue-chain.js';
import type { QueueCounters, QueueEngine } from './queue-engine.js';
import type { QueueObserver } from './queue-observer.js';
import type { RingFaults } from './ring-faults.js';
import type { QueueHooks, QueuePosition, QueueSetup } from './setup.js';

// Copies: what a module imports is looked up again at each use.
const IDLE = ChainState.idle;
const TAKEN = ChainState.taken;
const HELD = ChainState.held;
const NONE = -1;

/**
 * What a format adds is the ring: taking chains, writing completions, publishing them, telling the driver about kicks.
 */
export abstract class RingQueue extends ChainLine implements QueueEngine, ChainOwner {
  abstract readonly format: 'split' | 'packed';
  index = 0;
  size = 0;
  // Fields written for every chain come first: beyond the 32nd, a store makes the compiler forget all it knows.
  /** Where in the ring the next chain is read, and the next entry to use. */
  protected next = 0;
  protected usedNext = 0;
  declare readonly features: bigint;
  failure: QueueError | null = null;
  declare readonly faults: RingFaults;
  /** Whether the driver shall kick. */
  protected kicks = true;
  declare private readonly hooks: QueueHooks;
  declare protected readonly memory: MemoryMap;
  declare protected readonly observer: QueueObserver | null;
  declare private readonly order: InOrder | null;
  running = true;
  /**
   * Chains in this state take the short ways of `pop` and `complete`: TAKEN, or none while the queue has ended, keeps an
   * order, or lets a chain wait for room.
   */
  private plain: number = TAKEN;
  /** There was no room for the next chain; and chains in flight may make some. */
  private starved = false;
  /** There was no memory for it, which may come. */
  private absent = false;
  private waiting = false;
  private held = 0;
  private calls = 0;
  private suppressedCalls = 0;
  private repeatedCompletions = 0;
  private lateCompletions = 0;
  private readonly available = () => this.look();

  constructor(setup: QueueSetup, memory: MemoryMap, hooks: QueueHooks) {
    super();
    this.index = setup.index;
    this.size = setup.size;
    this.features = setup.features;
    this.hooks = hooks;
    this.observer = hooks.observer ?? null;
    this.memory = memory;
    this.order = (setup.features & Feature.inOrder) === 0n ? null : new InOrder(setup.size);
    this.faults = {
      fail: (rule, detail) => this.breakRule(rule, detail),
      starve: () => this.starve(),
    };
    this.makeLine(this, memory, setup.size);
    this.choosePlain();
  }

  abstract readonly position: QueuePosition;
  /** Chains taken from the ring. */
  protected abstract readonly taken: number;
  /** Chains written to the ring as used. */
  protected abstract readonly used: number;
  /** Completions have been written that are not visible yet. */
  protected abstract readonly pending: boolean;
  /**
   * Reads up to `most` of the chains that `look` has found, into `line`, and says how many. None where there is none
   * left, where the next one broke a rule, and where it has to wait: the latter two have been reported to `faults`.
   */
  protected abstract read(most: number): number;
  /**
   * Whether there are chains to take. Where there are none and `kicks` is set, the driver has been told to kick for the next
   * one, and the answer is of after that. False once the queue has ended.
   */
  protected abstract look(): boolean;
  /** Offset in the ring of the entry that `use` writes. */
  protected abstract readonly usedAt: number;
  /** Writes a completion, not yet visible to the driver, and makes the chain idle. */
  protected abstract use(chain: QueueChain, written: number): void;
  /** Makes the completions visible. True where the driver wants to be called for one of them. */
  protected abstract publish(): boolean;
  /** Tells the driver whether to kick. */
  protected abstract setKicks(wanted: boolean): void;
  /** Chains that are available and have not been popped are not there any more: the ring goes on where they begin. */
  protected abstract hide(): void;

  /** The next chain of those that were in flight when the queue was served before, and are not in the ring; as `take`. */
  protected takeRecovered(): QueueChain | null {
    return null;
  }

  /** What was read of memory that has been unmapped says nothing about the driver. */
  private breakRule(rule: QueueRule, detail: string): false {
    if (this.mayCome(rule)) {
      this.absent = true;
      return this.starve();
    }
    const { usable } = this.memory;
    this.fail(usable ? new QueueError(rule, detail) : new QueueError('area', 'the guest memory has been unmapped'));
    return false;
  }

  private mayCome(rule: QueueRule): boolean {
    if (rule !== 'buffer-address' && rule !== 'indirect-address') return false;
    return this.hooks.missing?.(this.memory.missed, this.memory.missedWriting) === true;
  }

  private starve(): false {
    this.starved = true;
    this.choosePlain();
    return false;
  }

  get inFlight(): number {
    return this.taken - this.used - this.held - this.lateCompletions;
  }

  get counters(): QueueCounters {
    return {
      popped: this.taken,
      completed: this.used,
      calls: this.calls,
      suppressedCalls: this.suppressedCalls,
      repeatedCompletions: this.repeatedCompletions,
      lateCompletions: this.lateCompletions,
    };
  }

  countInto(target: Float64Array, at: number): void {
    target[at] = this.taken;
    target[at + 1] = this.used;
    target[at + 2] = this.calls;
    target[at + 3] = this.suppressedCalls;
    target[at + 4] = this.repeatedCompletions;
    target[at + 5] = this.lateCompletions;
  }

  /** Chains are read many at a time where nothing keeps the next one from being popped: little code is left for each. */
  pop(): Chain | null {
    const at = this.ready;
    if (at === this.lineEnd) return this.popNext();
    this.ready = (at + 1) | 0;
    return this.line[at]!;
  }

  popBatch(): number {
    if (this.ready !== this.lineEnd) return this.popRest();
    const chain = this.popNext();
    if (chain === null) return 0;
    /* It was recovered, or waited for room. */
    if (this.ready === 0) this.setPlace(0, chain);
    const count = Math.max(this.lineEnd, 1);
    this.ready = this.lineEnd;
    return count;
  }

  private popNext(): QueueChain | null {
    const chain = this.take();
    return chain !== null && this.plain === TAKEN ? chain : this.popSpecially(chain);
  }

  private take(): QueueChain | null {
    this.lineEnd = this.read(this.plain === TAKEN ? MOST_AHEAD : 1);
    this.ready = this.lineEnd === 0 ? 0 : 1;
    return this.ready === 0 ? null : this.line[0]!;
  }

  /** The device, or IN_ORDER, still has chains. */
  protected get isBusy(): boolean {
    return this.taken !== this.used;
  }

  private popSpecially(taken: QueueChain | null): QueueChain | null {
    let chain = taken ?? this.takeRecovered();
    if (chain === null && !this.starved && this.look()) chain = this.take();
    if (chain === null && this.starved) chain = this.takeStarved();
    if (chain !== null && this.order !== null) this.order.add(chain);
    return chain;
  }

  /** There was no room for a chain: takes back what idle chains hold, and tries once more. */
  private takeStarved(): QueueChain | null {
    this.starved = false;
    this.absent = false;
    for (const chain of this.chains) if (chain.state === IDLE) chain.shrink();
    const chain = this.takeRecovered() ?? (this.starved ? null : this.take());
    this.waiting = this.starved && (this.inFlight > 0 || this.absent);
    if (this.starved && !this.waiting) this.fail(new QueueError('chain-length', 'a chain lies in too many regions'));
    this.starved = false;
    this.choosePlain();
    return chain;
  }

  private choosePlain(): void {
    const short = this.running && this.order === null && this.observer === null && !this.starved && !this.waiting;
    this.plain = short ? TAKEN : NONE;
  }

  complete(chain: QueueChain, written: number): void {
    if (chain.state === this.plain && written >= 0 && written <= chain.writable.byteLength) this.use(chain, written);
    else this.completeSpecially(chain, written);
  }

  private completeSpecially(chain: QueueChain, written: number): void {
    if (chain.state !== TAKEN) {
      this.repeatedCompletions++;
      return;
    }
    chain.state = HELD;
    if (!this.running) this.lateCompletions++;
    else if (!(written >= 0 && written <= chain.writable.byteLength)) this.refuseLength(chain, written);
    else if (this.order !== null) this.useInOrder(this.order, chain, written);
    else this.useObserved(chain, written);
    if (this.waiting) this.announceRoom();
  }

  private useObserved(chain: QueueChain, written: number): void {
    const at = this.usedAt;
    this.use(chain, written);
    if (this.observer !== null) this.observer.used(chain, at);
  }

  private refuseLength({ writable }: QueueChain, written: number): void {
    this.lateCompletions++;
    this.fail(
      new QueueError('completion', `${written} bytes reported for a chain with room for ${writable.byteLength}`),
    );
  }

  private useInOrder(order: InOrder, chain: QueueChain, written: number): void {
    chain.written = written;
    this.held++;
    for (let next = order.next(); next !== undefined; next = order.next()) {
      this.held--;
      this.useObserved(next, next.written);
    }
  }

  private announceRoom(): void {
    this.waiting = false;
    this.choosePlain();
    this.hooks.roomAvailable?.();
  }

  flush(): void {
    if (!this.running || !this.pending) return;
    if (this.publish()) this.call();
    else this.suppressedCalls++;
  }

  private call(): void {
    this.calls++;
    this.hooks.call();
  }

  disableKicks(): void {
    this.kicks = false;
    if (this.running) this.setKicks(false);
  }

  enableKicks(): boolean {
    if (this.running && !this.waiting && this.hooks.linger?.(this.available) === true) return true;
    this.kicks = true;
    if (!this.running) return false;
    this.setKicks(true);
    return !this.waiting && this.look();
  }

  fail(error: QueueError): void {
    if (!this.running) return;
    this.stop();
    this.failure = error;
    this.hooks.failed?.(error);
  }

  stop(): void {
    this.running = false;
    this.choosePlain();
    this.hide();
    this.ready = this.lineEnd = 0;
  }
}
