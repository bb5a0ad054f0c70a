/** As much of an i8042 as every PC operating system uses: the reset line of the CPU. There is no keyboard. */
import type { RegisterDevice } from '../../ioregion/device.js';

const RESET = 0xfe;
/**
 * Data is there, and commands are taken at once: a driver that reads and reads finds no controller at once, one that wants
 * to send the reset command need not wait.
 */
const STATUS = 0x01;

export class KeyboardController implements RegisterDevice {
  readonly #onReset: () => void;

  constructor(onReset: () => void) {
    this.#onReset = onReset;
  }

  read(): number {
    return STATUS;
  }

  write(_offset: number, _size: number, value: number): void {
    if (value === RESET) this.#onReset();
  }
}
