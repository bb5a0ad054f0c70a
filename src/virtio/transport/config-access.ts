/** A driver's accesses to device configuration space (2.5): any width, at any offset where all of it lies inside. */
import type { DeviceControl } from '../control/index.js';
import type { Refusals } from './refusals.js';

const ALL_ONES = 0xffffffff;

export class ConfigAccess {
  readonly #control: DeviceControl;
  readonly #refusals: Refusals;

  constructor(control: DeviceControl, refusals: Refusals) {
    this.#control = control;
    this.#refusals = refusals;
  }

  /** In bytes. */
  get length(): number {
    return this.#control.config.length;
  }

  get generation(): number {
    return this.#control.config.generation;
  }

  /** All ones outside. */
  read(offset: number, size: number): number {
    if (this.#inside(offset, size)) return this.#control.config.read(offset, size);
    this.#refusals.config += 1;
    return ALL_ONES;
  }

  write(offset: number, size: number, value: number): void {
    if (this.#inside(offset, size) && !this.#control.state.busy) this.#control.writeConfig(offset, size, value);
    else this.#refusals.config += 1;
  }

  /** Offset and size are not added up before each has been looked at: an offset may be any unsigned number. */
  #inside(offset: number, size: number): boolean {
    return size <= this.length && offset <= this.length - size;
  }
}
