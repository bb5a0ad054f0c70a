/** Configuration space of the network device: struct virtio_net_config (virtio 5.1.4). */
import type { ConfigSpace } from '../../device.js';
import { MAC_BYTES } from './mac-address.js';

/** Through `mtu`: what comes after belongs to features that are not offered. */
const CONFIG_BYTES = 12;

const Offset = { mac: 0, status: 6, maxVirtqueuePairs: 8, mtu: 10 } as const;

/** Bits of `status`. */
const Status = { linkUp: 1, announce: 2 } as const;

export interface InitialConfig {
  readonly mac: Uint8Array;
  readonly queuePairs: number;
  readonly mtu: number | undefined;
}

export class NetConfig implements ConfigSpace {
  /** Shared, so that transports on other threads read it without asking this one. */
  readonly bytes = new Uint8Array(new SharedArrayBuffer(CONFIG_BYTES));
  /** A view: it follows changes. */
  readonly mac = this.bytes.subarray(Offset.mac, Offset.mac + MAC_BYTES);
  readonly #view = new DataView(this.bytes.buffer);
  /** Whether the driver may write the address: legacy drivers do (5.1.4.3), and before negotiation it may be one. */
  macWritable = true;

  constructor({ mac, queuePairs, mtu = 0 }: InitialConfig) {
    this.mac.set(mac);
    this.#view.setUint16(Offset.maxVirtqueuePairs, queuePairs, true);
    this.#view.setUint16(Offset.mtu, mtu, true);
  }

  get linkUp(): boolean {
    return this.#has(Status.linkUp);
  }

  set linkUp(up: boolean) {
    this.#set(Status.linkUp, up);
  }

  /** The driver is asked to announce itself to its network. */
  get announce(): boolean {
    return this.#has(Status.announce);
  }

  set announce(on: boolean) {
    this.#set(Status.announce, on);
  }

  get maxQueuePairs(): number {
    return this.#view.getUint16(Offset.maxVirtqueuePairs, true);
  }

  get mtu(): number {
    return this.#view.getUint16(Offset.mtu, true);
  }

  /** Only `mac` can be written, in pieces of any width. */
  write(offset: number, bytes: Uint8Array): void {
    if (!this.macWritable || offset >= MAC_BYTES) return;
    this.mac.set(bytes.subarray(0, MAC_BYTES - offset), offset);
  }

  #has(bit: number): boolean {
    return (this.#view.getUint16(Offset.status, true) & bit) !== 0;
  }

  #set(bit: number, on: boolean): void {
    const status = this.#view.getUint16(Offset.status, true);
    this.#view.setUint16(Offset.status, on ? status | bit : status & ~bit, true);
  }
}
