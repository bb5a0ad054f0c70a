/** The reset control register of PC chipsets (port 0xcf9), which the FADT names too. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { SavedFields } from '../../virtio/state/index.js';

/** What the FADT tells to write: a full reset. */
export const RESET_VALUE = 0x06;
const RESET_CPU = 0x04;

export class ResetControl implements RegisterDevice {
  readonly #onReset: () => void;
  #value = 0;

  constructor(onReset: () => void) {
    this.#onReset = onReset;
  }

  save(): unknown {
    return { value: this.#value };
  }

  /** @throws SavedStateError */
  restore(saved: SavedFields): void {
    this.#value = saved.integer('value', 0xff) & ~RESET_CPU;
  }

  read(): number {
    return this.#value;
  }

  write(_offset: number, size: number, value: number): void {
    if (size !== 1) return;
    this.#value = value & ~RESET_CPU;
    if ((value & RESET_CPU) !== 0) this.#onReset();
  }
}
