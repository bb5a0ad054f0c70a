/** One queue of the disk: chains become requests, requests become system calls in batches, results become completions. */
import type { FileIoEngine } from '../../../native/index.js';
import type { DeviceHost } from '../../device.js';
import { type Chain, QueueError, type VirtQueue } from '../../queue/index.js';
import type { Disk } from './disk.js';
import { DiscardOperation, WriteZeroesOperation } from './erasure.js';
import { FlushOperation } from './flush.js';
import { GetIdOperation } from './get-id.js';
import { type Operation, type Outcome, PENDING } from './operation.js';
import { QueueIo } from './queue-io.js';
import { RequestHeader, RequestType, STATUS_BYTES, Status } from './request.js';
import { RequestSlot } from './slot.js';
import { ReadOperation, WriteOperation } from './transfer.js';

/** Batches before other queues of the thread get their turn. */
const BATCHES_PER_KICK = 16;

export interface RequestQueueOptions {
  readonly segmentsPerSlot: number;
  readonly engine: FileIoEngine;
}

export class RequestQueue {
  readonly #queue: VirtQueue;
  readonly #disk: Disk;
  readonly #host: DeviceHost;
  readonly #io: QueueIo;
  readonly #header = new RequestHeader();
  readonly #operations: ReadonlyMap<number, Operation>;
  readonly #slots: RequestSlot[];
  /** Slots without a request; a chain in flight has one each, so there is always another. */
  readonly #free: RequestSlot[];
  #working = false;
  #stopped: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(queue: VirtQueue, disk: Disk, host: DeviceHost, { segmentsPerSlot, engine }: RequestQueueOptions) {
    this.#queue = queue;
    this.#disk = disk;
    this.#host = host;
    this.#io = new QueueIo(disk, queue.size, segmentsPerSlot, engine);
    this.#operations = operationsOf(disk, this.#io);
    this.#slots = Array.from({ length: queue.size }, (_, number) => new RequestSlot(number));
    this.#free = [...this.#slots];
    this.#io.file.watch(() => this.#collect());
  }

  /** `uring` or `sync`. */
  get engine(): FileIoEngine {
    return this.#io.file.engine;
  }

  kick(): void {
    for (let batch = 0; batch < BATCHES_PER_KICK && !this.#working; batch++) {
      if (this.#stopping !== undefined) return;
      this.#queue.disableKicks();
      this.#work(true);
      this.#queue.flush();
      if (!this.#queue.enableKicks()) return;
    }
    this.#host.kickLater(this.#queue.index);
  }

  /** A completion may make somebody kick: that has to wait until the batch is through. */
  #work(take: boolean): void {
    this.#working = true;
    try {
      if (take) this.#take();
      this.#run();
    } finally {
      this.#working = false;
    }
  }

  /** Resolves when nothing is in flight and the file is closed. */
  stop(): Promise<void> {
    this.#stopping ??= new Promise((resolve) => {
      this.#stopped = resolve;
      this.#endWhenIdle();
    });
    return this.#stopping;
  }

  #endWhenIdle(): void {
    if (this.#stopped === undefined || this.#io.file.inFlight > 0) return;
    this.#io.file.close();
    this.#stopped();
    this.#stopped = undefined;
  }

  /** One ringful at most: a driver that never stops is not waited for. */
  #take(): void {
    const { batch, size } = this.#queue;
    let count = 0;
    for (let taken = 0; taken < size; taken += count) {
      count = this.#queue.popBatch();
      if (count === 0) return;
      for (let i = 0; i < count; i++) this.#begin(batch[i]!);
    }
  }

  #begin(chain: Chain): void {
    if (chain.writable.byteLength < STATUS_BYTES) {
      this.#disk.counters.malformed++;
      chain.complete(0);
      return;
    }
    const slot = this.#free.pop()!;
    const hasHeader = this.#header.read(chain.readable);
    const operation = hasHeader ? this.#operations.get(this.#header.type) : undefined;
    slot.begin(chain, operation ?? null, this.#header.sector);
    if (operation !== undefined) this.#settle(slot, operation.begin(slot));
    else this.#end(slot, hasHeader ? Status.unsupported : Status.ioError);
  }

  /** Submits what is prepared until all of it is under way or done. */
  #run(): void {
    const { file } = this.#io;
    do this.#finish(file.submit());
    while (file.prepared > 0);
  }

  #finish(completions: number): void {
    const { file } = this.#io;
    for (let i = 0; i < completions; i++) {
      const slot = this.#slots[file.completed(i)]!;
      this.#settle(slot, slot.operation!.advance(slot, file.result(slot.number)));
    }
  }

  /** Completions that came later. Nobody is there to catch what this throws. */
  #collect(): void {
    try {
      this.#work(false);
      this.#queue.flush();
      this.#endWhenIdle();
    } catch (error) {
      this.#queue.fail(new QueueError('device', `the disk could not go on: ${error}`, error));
    }
  }

  #settle(slot: RequestSlot, outcome: Outcome): void {
    if (outcome !== PENDING) this.#end(slot, outcome);
  }

  /** Writes the status into the last byte. What is missing of the data reads as zeroes: the length has no gaps (2.7.8.2). */
  #end(slot: RequestSlot, status: Status): void {
    const chain = slot.chain!;
    const { writable } = chain;
    const last = writable.byteLength - STATUS_BYTES;
    if (slot.filled < last) writable.fill(0, slot.filled, last - slot.filled);
    writable.fill(status, last, STATUS_BYTES);
    if (status === Status.ioError) this.#disk.counters.errors++;
    if (status === Status.unsupported) this.#disk.counters.unsupported++;
    slot.chain = null;
    this.#free.push(slot);
    chain.complete(last + STATUS_BYTES);
  }
}

function operationsOf(disk: Disk, io: QueueIo): ReadonlyMap<number, Operation> {
  const flush = new FlushOperation(disk, io);
  return new Map<number, Operation>([
    [RequestType.in, new ReadOperation(disk, io)],
    [RequestType.out, new WriteOperation(disk, io)],
    [RequestType.flush, flush],
    [RequestType.flushOut, flush],
    [RequestType.getId, new GetIdOperation(disk)],
    [RequestType.discard, new DiscardOperation(disk, io)],
    [RequestType.writeZeroes, new WriteZeroesOperation(disk, io)],
  ]);
}
