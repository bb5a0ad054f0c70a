/**
 * Which slots of the PCI bus have changed, for the guest's ACPI methods: three registers of 4 bytes, a bit for each slot. They are
 * this machine's own; acpi/hotplug-slots.ts has the methods.
 */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { SavedFields } from '../../virtio/state/index.js';

/**
 * `arrived`: slots with a new device. `wanted`: slots whose device is wanted back. Writing a one to a bit of these clears it.
 * `eject`: writing a one takes the device of the slot out; reads as 0.
 */
export const HotplugRegister = { arrived: 0, wanted: 4, eject: 8 } as const;
export const HOTPLUG_PORTS = 12;

export interface HotplugOptions {
  /** There is something new in `arrived` or `wanted`. */
  readonly onChange: () => void;
  /** The guest takes a device out. False: there is none in that slot. */
  readonly onEject: (slot: number) => boolean;
  /** Of a `HotplugCounts` on another thread. */
  readonly counts?: SharedArrayBuffer;
}

/** What becomes of a guest's wishes, for the machine's owner on another thread. */
export class HotplugCounts {
  /** Plain data, for Workers. */
  readonly words: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(words = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.words = words;
    this.#words = new Int32Array(words);
  }

  /** Devices that the guest has taken out. */
  get ejected(): number {
    return Atomics.load(this.#words, 0) >>> 0;
  }

  /** Accesses that no register takes, and ejections of nothing. */
  get refused(): number {
    return Atomics.load(this.#words, 1) >>> 0;
  }

  count(what: 'ejected' | 'refused'): void {
    Atomics.add(this.#words, what === 'ejected' ? 0 : 1, 1);
  }
}

export class PciHotplug implements RegisterDevice {
  readonly counts: HotplugCounts;
  readonly #options: HotplugOptions;
  #arrived = 0;
  #wanted = 0;

  constructor(options: HotplugOptions) {
    this.#options = options;
    this.counts = new HotplugCounts(options.counts);
  }

  /** A device has been put into the slot. */
  arrive(slot: number): void {
    this.#arrived |= 1 << slot;
    this.#options.onChange();
  }

  /** Asks the guest to take the device of the slot out. */
  want(slot: number): void {
    this.#wanted |= 1 << slot;
    this.#options.onChange();
  }

  read(offset: number, size: number): number {
    if (size === 4 && offset === HotplugRegister.arrived) return this.#arrived >>> 0;
    if (size === 4 && offset === HotplugRegister.wanted) return this.#wanted >>> 0;
    if (size === 4 && offset === HotplugRegister.eject) return 0;
    this.counts.count('refused');
    return -1;
  }

  write(offset: number, size: number, value: number): void {
    if (size !== 4) this.counts.count('refused');
    else if (offset === HotplugRegister.arrived) this.#arrived &= ~value;
    else if (offset === HotplugRegister.wanted) this.#wanted &= ~value;
    else if (offset === HotplugRegister.eject) this.#eject(value);
    else this.counts.count('refused');
  }

  save(): unknown {
    return { arrived: this.#arrived >>> 0, wanted: this.#wanted >>> 0 };
  }

  /** @throws SavedStateError */
  restore(saved: SavedFields): void {
    const [arrived, wanted] = [saved.integer('arrived', 0xffff_ffff), saved.integer('wanted', 0xffff_ffff)];
    this.#arrived = arrived | 0;
    this.#wanted = wanted | 0;
  }

  /** Of several bits each is a slot. What the guest was told of the slot no longer holds. */
  #eject(slots: number): void {
    for (let slot = 0; slot < 32; slot++) {
      const bit = 1 << slot;
      if ((slots & bit) === 0) continue;
      this.#arrived &= ~bit;
      this.#wanted &= ~bit;
      this.counts.count(this.#options.onEject(slot) ? 'ejected' : 'refused');
    }
  }
}
