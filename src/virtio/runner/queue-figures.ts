/**
 * What the queues of a device have done, in a file in memory: written where the queues run, read by others while they do, on
 * another thread or in another process. Up to date as of a queue's last kick or interrupt.
 */
import { Fd, Mapping, Memfd, PAGE_SIZE } from '../../native/index.js';
import type { QueueCounters, QueueEngine } from '../queue/queue-engine.js';

/** Numbers of a queue, in this order. */
const NAMES = [
  'kicks',
  'popped',
  'completed',
  'calls',
  'suppressedCalls',
  'repeatedCompletions',
  'lateCompletions',
] as const satisfies readonly ('kicks' | keyof QueueCounters)[];
const PER_QUEUE = 8;
const KICKS = 0;
/** Where `QueueEngine.countInto` writes. */
const ENGINE = 1;

export type QueueFigure = { readonly [K in (typeof NAMES)[number]]: number };

export class QueueFigures {
  readonly #mapping: Mapping;
  readonly #queues: number;
  readonly #words: Float64Array;
  /** By queue as `#words`: what was counted before the queue was started the last time. */
  readonly #before: Float64Array;

  private constructor(mapping: Mapping, queues: number) {
    this.#mapping = mapping;
    this.#queues = queues;
    this.#words = new Float64Array(mapping.buffer, 0, queues * PER_QUEUE);
    this.#before = this.#words.slice();
  }

  /** For the figures of so many queues. */
  static createFile(queues: number): Memfd {
    return Memfd.create({ name: 'ioregion-queue-figures', size: fileSize(queues) });
  }

  /** Maps a file of `createFile`; the descriptor may be closed afterwards. */
  static open(fd: number, queues: number): QueueFigures {
    return new QueueFigures(Mapping.ofFile(new Fd(fd), { length: fileSize(queues) }), queues);
  }

  /** The queue starts: its engine counts from 0. */
  begin(index: number): void {
    const at = index * PER_QUEUE;
    for (let word = 0; word < PER_QUEUE; word++) this.#before[at + word] = this.#words[at + word]!;
  }

  kicked(index: number): void {
    this.#words[index * PER_QUEUE + KICKS]! += 1;
  }

  update(index: number, engine: QueueEngine): void {
    const at = index * PER_QUEUE + ENGINE;
    const words = this.#words;
    engine.countInto(words, at);
    for (let word = at; word < at + NAMES.length - ENGINE; word++) words[word]! += this.#before[word]!;
  }

  /** By queue. What another process has written there may be anything: it is read as a count, or 0. */
  read(): QueueFigure[] {
    return Array.from({ length: this.#queues }, (_, queue) => {
      const entries = NAMES.map((name, word) => [name, toCount(this.#words[queue * PER_QUEUE + word]!)] as const);
      return Object.fromEntries(entries) as QueueFigure;
    });
  }

  /** Idempotent. */
  close(): void {
    this.#mapping.unmap();
  }
}

function fileSize(queues: number): number {
  const bytes = queues * PER_QUEUE * Float64Array.BYTES_PER_ELEMENT;
  return Math.max(1, Math.ceil(bytes / PAGE_SIZE)) * PAGE_SIZE;
}

const toCount = (value: number): number => (Number.isSafeInteger(value) && value >= 0 ? value : 0);
