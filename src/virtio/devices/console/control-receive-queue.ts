/** The control receive queue (virtio 5.3.6.2): messages of the device for the driver. */
import type { DeviceHost } from '../../device.js';
import { QueueError, type VirtQueue } from '../../queue/index.js';
import type { ConsoleCounters } from './counters.js';
import type { Port } from './port.js';

/** Messages before other queues of the thread get their turn. */
const MESSAGES_PER_TURN = 64;

/** Messages wait as bits of their ports, whatever the driver does: only buffers that it posts make them leave. */
export class ControlReceiveQueue {
  readonly #queue: VirtQueue;
  readonly #ports: readonly Port[];
  readonly #counters: ConsoleCounters;
  readonly #host: DeviceHost;

  constructor(queue: VirtQueue, ports: readonly Port[], counters: ConsoleCounters, host: DeviceHost) {
    this.#queue = queue;
    this.#ports = ports;
    this.#counters = counters;
    this.#host = host;
  }

  /** Sends what there are buffers for. */
  kick(): void {
    let more = true;
    for (let count = 0; count < MESSAGES_PER_TURN && more; count++) more = this.#sendNext();
    this.#queue.flush();
    if (more) this.#host.kickLater(this.#queue.index);
  }

  /** There is a message. Nobody catches what this throws. */
  onMessage(): void {
    try {
      this.kick();
    } catch (error) {
      this.#queue.fail(new QueueError('device', `messages cannot be sent: ${error}`, error));
    }
  }

  /** False where there is no message, or no buffer. A buffer that is too small goes back empty. */
  #sendNext(): boolean {
    const port = this.#ports.find(({ hasMessage }) => hasMessage);
    const chain = port === undefined ? null : this.#queue.pop();
    if (port === undefined || chain === null) return false;
    const message = port.nextMessage()!;
    if (chain.writable.byteLength < message.length) {
      this.#counters.malformedBuffers++;
      chain.complete(0);
    } else {
      port.sent();
      chain.complete(chain.writable.copyFrom(message));
    }
    return true;
  }
}
