/** A port whose writes end the machine: what guests without firmware or ACPI use. */
import type { RegisterDevice } from '../../ioregion/device.js';

export class DebugExit implements RegisterDevice {
  readonly #onExit: (code: number) => void;

  constructor(onExit: (code: number) => void) {
    this.#onExit = onExit;
  }

  read(): number {
    return 0;
  }

  write(_offset: number, _size: number, value: number): void {
    this.#onExit(value);
  }
}
