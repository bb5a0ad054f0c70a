/** The chain objects of a queue: those that chains are read into, and the spare ones. */
import type { Chain } from './chain.js';
import type { MemoryMap } from './memory-map.js';
import { type ChainOwner, ChainState, makeChains, type QueueChain } from './queue-chain.js';

// A copy: what a module imports is looked up again at each use.
const IDLE = ChainState.idle;
/** Chains read at a time. */
export const MOST_AHEAD = 32;

/** A base class, and no object beside the queue: `pop`, for every chain, has one object less to ask for its shape. */
export abstract class ChainLine {
  /** Chains that have been read; those from `ready` to `lineEnd` have not been popped. */
  declare protected line: QueueChain[];
  /** All of them, in the line or spare. */
  declare protected chains: readonly QueueChain[];
  /** The first of the idle chains that have no place in the line. */
  protected spare: QueueChain | null = null;
  protected ready = 0;
  protected lineEnd = 0;

  protected makeLine(owner: ChainOwner, memory: MemoryMap, queueSize: number): void {
    const ahead = Math.min(MOST_AHEAD, queueSize);
    /* However many are in flight, and in the line, there is another one. */
    this.chains = makeChains(owner, memory, queueSize, queueSize + ahead);
    this.line = this.chains.slice(0, ahead);
    for (const chain of this.line) chain.spare = false;
    for (const chain of this.chains.slice(ahead)) this.giveBack(chain);
  }

  get batch(): readonly Chain[] {
    return this.line;
  }

  /** Chains that have been read and not been popped: for everybody else, they are still in the ring. */
  protected get unpopped(): number {
    return this.lineEnd - this.ready;
  }

  /** Descriptors of the ring that they occupy. */
  protected get unpoppedDescriptors(): number {
    return this.line.slice(this.ready, this.lineEnd).reduce((sum, { descriptors }) => sum + descriptors, 0);
  }

  /** Pops what single `pop`s have left in the line, as a batch, and says how many. */
  protected popRest(): number {
    const { line, ready } = this;
    const count = this.unpopped;
    for (let place = 0; place < count; place++) {
      const chain = line[place]!;
      line[place] = line[ready + place]!;
      line[ready + place] = chain;
    }
    this.ready = this.lineEnd;
    return count;
  }

  /** Has idle chains in the first `count` places. A place keeps its chain, to be read into again and again, while it can. */
  protected renewLine(count: number): void {
    for (let place = 0; place < count; place++)
      if (this.line[place]!.state !== IDLE) this.setPlace(place, this.takeSpare());
  }

  protected setPlace(place: number, chain: QueueChain): void {
    const former = this.line[place]!;
    former.spare = true;
    if (former.state === IDLE) this.giveBack(former);
    chain.spare = false;
    this.line[place] = chain;
  }

  protected takeSpare(): QueueChain {
    const chain = this.spare!;
    this.spare = chain.nextSpare;
    return chain;
  }

  /** For an idle chain that has no place in the line. */
  protected giveBack(chain: QueueChain): void {
    chain.nextSpare = this.spare;
    this.spare = chain;
  }
}
