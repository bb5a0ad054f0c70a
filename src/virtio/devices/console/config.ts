/** Configuration space of the console device: struct virtio_console_config (virtio 5.3.4). */
import type { TerminalSize } from '../../../native/index.js';
import type { ConfigSpace } from '../../device.js';

const CONFIG_BYTES = 12;

const Offset = { cols: 0, rows: 2, maxNrPorts: 4, emergWr: 8 } as const;

export class ConsoleConfig implements ConfigSpace {
  /** Shared, so that transports on other threads read it without asking this one. */
  readonly bytes = new Uint8Array(new SharedArrayBuffer(CONFIG_BYTES));
  readonly #view = new DataView(this.bytes.buffer);
  readonly #onEmergencyWrite: (byte: number) => void;

  /** `onEmergencyWrite` gets the low byte of what the driver writes to `emerg_wr`, at any time (5.3.5.1). */
  constructor(ports: number, onEmergencyWrite: (byte: number) => void) {
    this.#view.setUint32(Offset.maxNrPorts, ports, true);
    this.#onEmergencyWrite = onEmergencyWrite;
  }

  get size(): TerminalSize {
    return { columns: this.#view.getUint16(Offset.cols, true), rows: this.#view.getUint16(Offset.rows, true) };
  }

  set size({ columns, rows }: TerminalSize) {
    this.#view.setUint16(Offset.cols, columns, true);
    this.#view.setUint16(Offset.rows, rows, true);
  }

  /** Only `emerg_wr` can be written, by a write of any width that covers its low byte; it reads as zero. */
  write(offset: number, bytes: Uint8Array): void {
    const byte = bytes[Offset.emergWr - offset];
    if (byte !== undefined) this.#onEmergencyWrite(byte);
  }
}
