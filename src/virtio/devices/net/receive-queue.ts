/** One receive queue (virtio 5.1.6.3, 5.1.6.4). */
import type { DeviceHost } from '../../device.js';
import { QueueError, type VirtQueue } from '../../queue/index.js';
import type { NetPort } from './backend.js';
import type { Link } from './link.js';
import { ETHERNET_HEADER_BYTES, hasFlags, isAllowed, isSegmented, VLAN_TAG_BYTES, vlanOf } from './packet.js';
import { ReceiveBuffers } from './receive-buffers.js';
import { FILTERED_BYTES } from './receive-filter.js';

/** Before other queues of the thread get their turn. */
const PACKETS_PER_TURN = 64;

export class ReceiveQueue {
  readonly #queue: VirtQueue;
  readonly #port: NetPort;
  readonly #link: Link;
  readonly #host: DeviceHost;
  readonly #buffers: ReceiveBuffers;
  readonly #headerBytes: number;
  /** Header and the part of the packet that decides what becomes of it. */
  readonly #start: Uint8Array;

  constructor(queue: VirtQueue, port: NetPort, link: Link, host: DeviceHost) {
    this.#queue = queue;
    this.#port = port;
    this.#link = link;
    this.#host = host;
    this.#buffers = new ReceiveBuffers(queue.size, link.negotiated);
    this.#headerBytes = link.negotiated.headerBytes;
    this.#start = new Uint8Array(this.#headerBytes + FILTERED_BYTES);
  }

  kick(): void {
    this.#run();
  }

  /** Nobody is there to catch what this throws. */
  onReadable(): void {
    try {
      this.#run();
    } catch (error) {
      this.#queue.fail(new QueueError('device', `packets cannot be received: ${error}`, error));
      this.#port.waitReadable(false);
    }
  }

  /** Buffers that no packet has filled go back empty: a queue that goes on elsewhere has lost none. */
  stop(): void {
    this.#port.waitReadable(false);
    this.#buffers.release();
    this.#queue.flush();
  }

  /** Passes on what has come in, as long as there are buffers: without, packets wait in the backend, which bounds them. */
  #run(): void {
    for (let count = 0; count < PACKETS_PER_TURN && this.#hasBuffers(); count++) {
      const length = this.#port.receive(this.#buffers);
      if (length === 0) break;
      this.#deliver(length);
    }
    this.#queue.flush();
    this.#port.waitReadable(this.#hasBuffers());
  }

  /** While there are buffers, the driver need not say that there are more: they are found when the next packet is. */
  #hasBuffers(): boolean {
    if (this.#queue.failure !== null) return false;
    this.#takeBuffers();
    if (!this.#buffers.isEmpty) this.#queue.disableKicks();
    else if (this.#queue.enableKicks()) this.#host.kickLater(this.#queue.index);
    return !this.#buffers.isEmpty;
  }

  /** One ringful at most: a driver that never stops is not waited for. */
  #takeBuffers(): void {
    for (let taken = 0; taken < this.#queue.size && !this.#buffers.isFull; taken++) {
      const chain = this.#queue.pop();
      if (chain === null) return;
      if (this.#buffers.add(chain)) continue;
      this.#link.counters.malformedBuffers++;
      chain.complete(0);
    }
  }

  /** Completes the buffers that the packet fills, or leaves them for the next one. */
  #deliver(length: number): void {
    const { counters } = this.#link;
    if (length > this.#buffers.byteLength) counters.tooLong++;
    else if (this.#isWanted(length)) {
      counters.received++;
      if (!this.#link.receiveRules.partialCsum && hasFlags(this.#start)) this.#buffers.clearFlags();
      this.#buffers.complete(length);
    }
  }

  #isWanted(length: number): boolean {
    const { counters, filter, receiveRules, up } = this.#link;
    const start = this.#start;
    const packetBytes = length - this.#headerBytes;
    this.#buffers.copyTo(start);
    if (!up) counters.linkDown++;
    else if (packetBytes < ETHERNET_HEADER_BYTES || !isAllowed(start, receiveRules)) counters.unsupported++;
    else if (this.#exceedsMtu(packetBytes)) counters.tooLong++;
    else if (!filter.wants(start, this.#headerBytes)) counters.filtered++;
    else return true;
    return false;
  }

  /** Only packets that are not cut into smaller ones have to be short (5.1.4.1). */
  #exceedsMtu(packetBytes: number): boolean {
    const { config, negotiated } = this.#link;
    if (!negotiated.limitsMtu || isSegmented(this.#start)) return false;
    const tag = vlanOf(this.#start, this.#headerBytes) < 0 ? 0 : VLAN_TAG_BYTES;
    return packetBytes > config.mtu + ETHERNET_HEADER_BYTES + tag;
  }
}
