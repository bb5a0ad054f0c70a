/** One transmit queue (virtio 5.1.6.2). */
import type { DeviceHost } from '../../device.js';
import { type Chain, QueueError, type VirtQueue } from '../../queue/index.js';
import { type NetPort, SendOutcome } from './backend.js';
import type { Link } from './link.js';
import { OutgoingPacket } from './outgoing-packet.js';

/** Packets until the driver learns which are gone. */
const PACKETS_PER_BATCH = 64;
/** Batches before other queues of the thread get their turn. */
const BATCHES_PER_KICK = 4;

export class TransmitQueue {
  readonly #queue: VirtQueue;
  readonly #port: NetPort;
  readonly #link: Link;
  readonly #host: DeviceHost;
  readonly #packet: OutgoingPacket;
  /** A packet that the network had no room for; none is taken before it has gone. */
  #waiting: Chain | null = null;

  constructor(queue: VirtQueue, port: NetPort, link: Link, host: DeviceHost) {
    this.#queue = queue;
    this.#port = port;
    this.#link = link;
    this.#host = host;
    this.#packet = new OutgoingPacket(link.negotiated.headerBytes, link.negotiated.transmitRules);
  }

  kick(): void {
    if (this.#waiting === null) this.#run();
  }

  /** There is room again. Nobody is there to catch what this throws. */
  onWritable(): void {
    try {
      this.#resume();
    } catch (error) {
      this.#queue.fail(new QueueError('device', `packets cannot be sent: ${error}`, error));
      this.#port.waitWritable(false);
    }
  }

  /** A packet that waits is lost. */
  stop(): void {
    this.#port.waitWritable(false);
    this.#waiting?.complete(0);
    this.#waiting = null;
    this.#queue.flush();
    this.#packet.release();
  }

  #resume(): void {
    const chain = this.#waiting;
    if (chain === null) return;
    this.#waiting = null;
    if (this.#transmit(chain)) this.#run();
  }

  #run(): void {
    for (let batch = 0; batch < BATCHES_PER_KICK; batch++) {
      this.#queue.disableKicks();
      const more = this.#transmitBatch();
      this.#queue.flush();
      if (!more || !this.#queue.enableKicks()) return;
    }
    this.#host.kickLater(this.#queue.index);
  }

  /** False where the network has no room for more. */
  #transmitBatch(): boolean {
    for (let count = 0; count < PACKETS_PER_BATCH; count++) {
      const chain = this.#queue.pop();
      if (chain === null) return true;
      if (!this.#transmit(chain)) return false;
    }
    return true;
  }

  /** False where the packet has to wait. */
  #transmit(chain: Chain): boolean {
    const full = this.#send(chain);
    this.#port.waitWritable(full);
    if (full) this.#waiting = chain;
    else chain.complete(0);
    return !full;
  }

  /** True where there is no room for the packet. What cannot be sent is dropped and counted. */
  #send(chain: Chain): boolean {
    const { counters, up } = this.#link;
    if (!this.#packet.begin(chain.readable)) counters.malformed++;
    else if (!up) counters.linkDown++;
    else return this.#count(this.#port.send(this.#packet));
    return false;
  }

  #count(outcome: SendOutcome): boolean {
    if (outcome === SendOutcome.sent) this.#link.counters.transmitted++;
    if (outcome === SendOutcome.refused) this.#link.counters.refused++;
    return outcome === SendOutcome.full;
  }
}
