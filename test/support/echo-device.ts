/** A device that answers each chain with the bytes it was sent, plus one; and misbehaves on demand. */
import type { DeviceHost, VirtioDevice, VirtQueue } from '../../src/virtio/index.js';

export type EchoFault = 'activate' | 'start' | 'kick' | 'reject' | 'stop' | 'reset' | 'write';

export interface EchoOptions {
  readonly queues?: number;
  /** What throws. */
  readonly fault?: EchoFault;
  /** `stopQueue` and `reset` resolve only when `release` is called. */
  readonly slow?: boolean;
  /** Chains handled per kick; the rest comes by kickLater. Default: all. */
  readonly batch?: number;
}

export class EchoDevice implements VirtioDevice {
  readonly deviceType = 4;
  readonly features = 0n;
  readonly queueSizes: readonly number[];
  readonly config = {
    bytes: new Uint8Array(8),
    write: (offset: number, bytes: Uint8Array) => this.#write(offset, bytes),
  };
  readonly log: string[] = [];
  host: DeviceHost | null = null;
  readonly #options: EchoOptions;
  readonly #queues = new Map<number, VirtQueue>();
  #held: (() => void)[] = [];

  constructor(options: EchoOptions = {}) {
    this.#options = options;
    this.queueSizes = Array.from({ length: options.queues ?? 2 }, () => 8);
  }

  activate(driverFeatures: bigint, host: DeviceHost): void {
    this.log.push(`activate ${driverFeatures}`);
    this.#maybeThrow('activate');
    this.host = host;
  }

  startQueue(index: number, queue: VirtQueue): void {
    this.log.push(`start ${index}`);
    this.#maybeThrow('start');
    this.#queues.set(index, queue);
  }

  kick(index: number): void | Promise<void> {
    this.log.push(`kick ${index}`);
    this.#maybeThrow('kick');
    if (this.#options.fault === 'reject') return Promise.reject(new Error('kick fails late'));
    this.#answer(index, this.#queues.get(index)!);
  }

  stopQueue(index: number): void | Promise<void> {
    this.log.push(`stop ${index}`);
    this.#maybeThrow('stop');
    this.#queues.delete(index);
    if (this.#options.slow) return new Promise((resolve) => this.#held.push(resolve));
  }

  reset(): void {
    this.log.push('reset');
    this.#maybeThrow('reset');
  }

  close(): void {
    this.log.push('close');
  }

  /** Ends what `slow` holds back. */
  release(): void {
    for (const resolve of this.#held.splice(0)) resolve();
  }

  #answer(index: number, queue: VirtQueue): void {
    const { batch = Number.POSITIVE_INFINITY } = this.#options;
    for (let count = 0; count < batch; count++) {
      const chain = queue.pop();
      if (chain === null) {
        queue.flush();
        return;
      }
      const bytes = new Uint8Array(chain.readable.byteLength);
      chain.readable.copyTo(bytes);
      chain.complete(chain.writable.copyFrom(bytes.map((byte) => byte + 1)));
    }
    queue.flush();
    this.host?.kickLater(index);
  }

  #write(offset: number, bytes: Uint8Array): void {
    this.#maybeThrow('write');
    this.config.bytes.set(bytes, offset);
  }

  #maybeThrow(where: EchoFault): void {
    if (this.#options.fault === where) throw new Error(`${where} fails`);
  }
}

/** For Workers: byte 7 of the configuration space orders a misdeed. */
export default function createEchoDevice(options: EchoOptions): VirtioDevice {
  const device = new EchoDevice(options);
  const { write } = device.config;
  device.config.write = (offset, bytes) => {
    write(offset, bytes);
    if (offset === 7) orders[bytes[0]!]?.(device);
  };
  return device;
}

const orders: Readonly<Record<number, (device: EchoDevice) => void>> = {
  1: (device) => device.host?.configChanged(),
  2: (device) => device.host?.needsReset('by order'),
  3: () =>
    void setImmediate(() => {
      throw new Error('uncaught by order');
    }),
  4: () => process.exit(1),
  5: (device) => {
    for (let count = 0; count < 1000; count++) device.host?.log(`message ${count}`);
  },
  6: (device) => device.release(),
};
