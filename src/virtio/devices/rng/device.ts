/** The virtio entropy device (virtio 5.4): random bytes of the host's generator. */
import type { DeviceHost, VirtioDevice } from '../../device.js';
import type { VirtQueue } from '../../queue/index.js';
import { DeviceType } from '../../spec/index.js';
import { ENTROPY_CONFIG } from './config.js';
import { ENTROPY_FEATURES } from './features.js';
import { answerRequest } from './request.js';

const QUEUE_SIZE = 256;
/** Before other queues of the thread get their turn: about a millisecond's worth of full ones. */
const REQUESTS_PER_KICK = 256;

export interface EntropyCounters {
  /** Requests that got random bytes. */
  requests: number;
  bytes: number;
  /** Chains without room for a byte. */
  malformed: number;
}

export class EntropyDevice implements VirtioDevice {
  readonly deviceType = DeviceType.entropy;
  readonly features = ENTROPY_FEATURES;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = ENTROPY_CONFIG;
  readonly #counters: EntropyCounters = { requests: 0, bytes: 0, malformed: 0 };
  #host: DeviceHost | undefined;
  #queue: VirtQueue | undefined;

  /** Since the device was made. */
  get counters(): Readonly<EntropyCounters> {
    return this.#counters;
  }

  activate(_driverFeatures: bigint, host: DeviceHost): void {
    this.#host = host;
  }

  startQueue(_index: number, queue: VirtQueue): void {
    this.#queue = queue;
  }

  stopQueue(): void {
    this.#queue = undefined;
  }

  kick(index: number): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    let left = REQUESTS_PER_KICK;
    do {
      queue.disableKicks();
      left = this.#answer(queue, left);
      queue.flush();
    } while (queue.enableKicks() && left > 0);
    if (left === 0) this.#host?.kickLater(index);
  }

  /** Answers up to `limit` requests; returns how many more there may be. */
  #answer(queue: VirtQueue, limit: number): number {
    let left = limit;
    for (; left > 0; left--) {
      const chain = queue.pop();
      if (chain === null) break;
      this.#count(answerRequest(chain));
    }
    return left;
  }

  #count(written: number): void {
    if (written === 0) {
      this.#counters.malformed++;
      return;
    }
    this.#counters.requests++;
    this.#counters.bytes += written;
  }
}
