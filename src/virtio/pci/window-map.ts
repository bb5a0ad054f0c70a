/** Several register devices in one range. */
import type { RegisterDevice } from '../../ioregion/device.js';

export interface Window {
  /** Bytes from the start of the range. */
  readonly offset: number;
  readonly size: number;
  readonly device: RegisterDevice;
}

const ALL_ONES = 0xffffffff;

/** An access goes to the window that holds all of it; where there is none it reads as all ones and is counted. */
export class WindowMap implements RegisterDevice {
  /** Accesses outside of all windows, or across the end of one. */
  unmapped = 0;
  readonly #windows: readonly Window[];

  constructor(windows: readonly Window[]) {
    this.#windows = windows;
  }

  read(offset: number, size: number): number {
    const window = this.#find(offset, size);
    return window === null ? ALL_ONES : window.device.read(offset - window.offset, size);
  }

  write(offset: number, size: number, value: number): void {
    const window = this.#find(offset, size);
    if (window !== null) window.device.write(offset - window.offset, size, value);
  }

  #find(offset: number, size: number): Window | null {
    for (const window of this.#windows) {
      const at = offset - window.offset;
      if (at >= 0 && at < window.size && size <= window.size - at) return window;
    }
    this.unmapped += 1;
    return null;
  }
}
