/** An interrupt sink that keeps what it was given. */
import type { InterruptSink } from '#dist/src/virtio/interrupt/index.js';

export interface SentMessage {
  vector: number;
  address: bigint;
  data: number;
}

type Message = Parameters<InterruptSink['signal']>[1];

export class RecordedSink implements InterruptSink {
  readonly sent: SentMessage[] = [];
  readonly routes: SentMessage[] = [];
  /** Levels of the pin, one for each change. */
  readonly levels: boolean[] = [];
  pin = false;
  readonly setPin?: (asserted: boolean) => void;

  constructor({ pin = true } = {}) {
    if (pin) this.setPin = (asserted) => this.#setPin(asserted);
  }

  signal(vector: number, message: Message): void {
    this.sent.push(plain(vector, message));
  }

  route(vector: number, message: Message): void {
    this.routes.push(plain(vector, message));
  }

  #setPin(asserted: boolean): void {
    if (asserted !== this.pin) this.levels.push(asserted);
    this.pin = asserted;
  }

  /** Vectors sent since the last call. */
  take(): number[] {
    return this.sent.splice(0).map(({ vector }) => vector);
  }
}

function plain(vector: number, { address, data }: Message): SentMessage {
  return { vector, address: BigInt(address), data };
}
