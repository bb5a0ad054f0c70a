/** The control transmit queue (virtio 5.3.6.2): messages of the driver for the device. */
import type { DeviceHost } from '../../device.js';
import type { VirtQueue } from '../../queue/index.js';
import { CONTROL_MESSAGE_BYTES, type ControlMessage, decodeControlMessage } from './control-message.js';

/** Messages before other queues of the thread get their turn. */
const MESSAGES_PER_KICK = 64;

/** `null`: not even a message. */
export type MessageHandler = (message: ControlMessage | null) => void;

export class ControlTransmitQueue {
  readonly #queue: VirtQueue;
  readonly #host: DeviceHost;
  readonly #onMessage: MessageHandler;
  readonly #bytes = new Uint8Array(CONTROL_MESSAGE_BYTES);

  constructor(queue: VirtQueue, host: DeviceHost, onMessage: MessageHandler) {
    this.#queue = queue;
    this.#host = host;
    this.#onMessage = onMessage;
  }

  kick(): void {
    let more = true;
    for (let count = 0; count < MESSAGES_PER_KICK && more; count++) more = this.#receiveNext();
    this.#queue.flush();
    if (more) this.#host.kickLater(this.#queue.index);
  }

  #receiveNext(): boolean {
    const chain = this.#queue.pop();
    if (chain === null) return false;
    const whole = chain.readable.copyTo(this.#bytes) === CONTROL_MESSAGE_BYTES;
    chain.complete(0);
    this.#onMessage(whole ? decodeControlMessage(this.#bytes) : null);
    return true;
  }
}
