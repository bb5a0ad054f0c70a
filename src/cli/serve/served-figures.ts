/** What a served device has done so far. */
import type { Session } from '../../vhost-user/backend/index.js';
import type { VirtioDevice } from '../../virtio/device.js';

/** Devices that count have their counters here; a device module may have them too. */
interface Counting {
  readonly counters?: Readonly<Record<string, unknown>>;
}

export interface DeviceFigures {
  readonly name: string;
  readonly socket: string;
  /** DeviceType. */
  readonly type: number;
  readonly connected: boolean;
  /** Frontends so far. */
  readonly connections: number;
  /** Messages of frontends, and those of them that could not be carried out. */
  readonly messages: number;
  readonly refusedMessages: number;
  /** What the device itself counts, where it does. */
  readonly counters: Readonly<Record<string, unknown>> | null;
}

export class ServedFigures {
  readonly name: string;
  readonly socket: string;
  readonly #device: VirtioDevice & Counting;
  #current: Session | null = null;
  #connections = 0;
  #messages = 0;
  #refused = 0;

  constructor(name: string, socket: string, device: VirtioDevice) {
    this.name = name;
    this.socket = socket;
    this.#device = device;
  }

  /** A frontend has come. */
  connected(session: Session): void {
    this.#connections += 1;
    this.#current = session;
    void session.ended.then(() => this.#add(session));
  }

  now(): DeviceFigures {
    const { messages = 0, refused = 0 } = this.#current?.counters ?? {};
    return {
      name: this.name,
      socket: this.socket,
      type: this.#device.deviceType,
      connected: this.#current !== null,
      connections: this.#connections,
      messages: this.#messages + messages,
      refusedMessages: this.#refused + refused,
      counters: this.#device.counters ?? null,
    };
  }

  #add(session: Session): void {
    this.#messages += session.counters.messages;
    this.#refused += session.counters.refused;
    if (this.#current === session) this.#current = null;
  }
}
