/** Configuration space as the driver reads it, kept like the one that the backend has. */
import { SharedConfig } from '../../virtio/index.js';
import { ProtocolFeature } from '../spec/index.js';
import { readConfig, writeConfig } from './device-config.js';
import type { FrontendSession } from './frontend-session.js';

export interface ConfigMirrorOptions {
  /** As it is at first. */
  readonly bytes: Uint8Array;
  /** The VMM has made it up: the backend is not asked. */
  readonly own: boolean;
  /** Fields that the frontend decides. */
  adjust(bytes: Uint8Array): void;
}

export class ConfigMirror {
  readonly shared: SharedConfig;
  readonly #options: ConfigMirrorOptions;
  readonly #bytes: Uint8Array;

  constructor(options: ConfigMirrorOptions) {
    this.#options = options;
    this.#bytes = Uint8Array.from(options.bytes);
    this.shared = SharedConfig.create(this.#bytes);
  }

  /** A driver's write of `size` (1, 2 or 4) bytes inside: read back at once, until the backend is asked. Returns the bytes. */
  store(offset: number, size: number, value: number): Uint8Array {
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, value, true);
    const bytes = word.subarray(0, size);
    this.#bytes.set(bytes, offset);
    this.shared.publish(this.#bytes);
    return bytes;
  }

  /** Tells the backend, and reads what it has made of it. @throws what a session does */
  async write(session: FrontendSession, offset: number, bytes: Uint8Array): Promise<void> {
    if (!this.#served(session)) return;
    await writeConfig(session.channel, offset, bytes);
    await this.refresh(session);
  }

  /** True where the backend has changed something. @throws what a session does */
  async refresh(session: FrontendSession): Promise<boolean> {
    if (!this.#served(session)) return false;
    const bytes = await readConfig(session.channel, this.shared.length);
    this.#options.adjust(bytes);
    this.#bytes.set(bytes);
    if (!this.shared.differs(bytes)) return false;
    this.shared.publish(bytes);
    return true;
  }

  #served(session: FrontendSession): boolean {
    return !this.#options.own && this.shared.length > 0 && session.has(ProtocolFeature.config);
  }
}
