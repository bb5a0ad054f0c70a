/** The fixed registers of ACPI (ACPI 6.5, 4.8.3 and 4.8.4): events, sleep control, the timer, general-purpose events. In ACPI mode from the start. */
import type { RegisterDevice } from '../../ioregion/device.js';
import { acquire, release } from '../../virtio/interrupt/shared-lock.js';
import type { SavedFields } from '../../virtio/state/index.js';
import type { IrqLine } from './irq-line.js';

/** Offsets from the first port; sizes are those that the FADT tells. */
export const PmRegister = { status: 0, enable: 2, control: 4, timer: 8, gpeStatus: 12, gpeEnable: 13 } as const;
export const PM_PORTS = 14;
/** Bits of general-purpose event block 0, which has eight. */
export const Gpe = { hotplug: 1 } as const;
/** What `_S5_` of the DSDT names for "soft off". */
export const SLEEP_TYPE_S5 = 5;

const POWER_BUTTON = 1 << 8;
/** Timer, global lock, power button, sleep button, clock: drivers see whether an enable bit stays set. */
const ENABLE_BITS = 0x0721;
const SCI_ENABLE = 1;
const SLEEP_ENABLE = 1 << 13;
const SLEEP_TYPE_SHIFT = 10;
const SLEEP_TYPE_MASK = 7;
const TIMER_HZ = 3_579_545;
const TIMER_MASK = 0xff_ffff;

const Word = { lock: 0, status: 1, enable: 2, level: 3, gpeStatus: 4, gpeEnable: 5, size: 6 } as const;

export interface PowerManagementOptions {
  readonly line: IrqLine;
  /** The guest has switched itself off. */
  readonly onPowerOff: () => void;
  /** Of the same device on another thread. */
  readonly words?: SharedArrayBuffer;
  /** In ms. */
  readonly now?: () => number;
}

export class PowerManagement implements RegisterDevice {
  readonly words: SharedArrayBuffer;
  readonly #options: PowerManagementOptions;
  readonly #words: Int32Array;
  #control = 0;
  /** What the timer of a saved machine was ahead of this one. */
  #timerOffset = 0;

  constructor(options: PowerManagementOptions) {
    this.#options = options;
    this.words = options.words ?? new SharedArrayBuffer(4 * Word.size);
    this.#words = new Int32Array(this.words);
  }

  read(offset: number, size: number): number {
    if (offset === PmRegister.timer && size === 4) return this.#timer();
    if (size === 4 && offset === PmRegister.status) return this.#word(Word.status) | (this.#word(Word.enable) << 16);
    if (size === 1 && offset === PmRegister.gpeStatus) return this.#word(Word.gpeStatus);
    if (size === 1 && offset === PmRegister.gpeEnable) return this.#word(Word.gpeEnable);
    if (size !== 2) return -1;
    if (offset === PmRegister.status) return this.#word(Word.status);
    if (offset === PmRegister.enable) return this.#word(Word.enable);
    return offset === PmRegister.control ? this.#control | SCI_ENABLE : -1;
  }

  write(offset: number, size: number, value: number): void {
    if (size === 1) this.#writeEvents(offset, value);
    if (size !== 2) return;
    if (offset === PmRegister.status) this.#change(Word.status, (status) => status & ~value);
    else if (offset === PmRegister.enable) this.#change(Word.enable, () => value & ENABLE_BITS);
    else if (offset === PmRegister.control) this.#setControl(value);
  }

  save(): unknown {
    const [status, enable] = [this.#word(Word.status), this.#word(Word.enable)];
    const [gpeStatus, gpeEnable] = [this.#word(Word.gpeStatus), this.#word(Word.gpeEnable)];
    return { status, enable, gpeStatus, gpeEnable, control: this.#control, timer: this.#timer() };
  }

  /** The timer goes on where it was. @throws SavedStateError */
  restore(saved: SavedFields): void {
    this.#timerOffset = saved.integer('timer', TIMER_MASK) - this.#timer();
    this.#control = saved.integer('control', 0xffff) & ~SLEEP_ENABLE;
    const [status, enable] = [saved.integer('status', 0xffff), saved.integer('enable', 0xffff)];
    const [gpeStatus, gpeEnable] = [saved.integer('gpeStatus', 0xff), saved.integer('gpeEnable', 0xff)];
    this.#change(Word.enable, () => enable & ENABLE_BITS);
    this.#change(Word.status, (pressed) => pressed | status);
    this.#change(Word.gpeEnable, () => gpeEnable);
    this.#change(Word.gpeStatus, (raised) => raised | gpeStatus);
  }

  /** Asks the guest to shut down; from any thread. */
  pressPowerButton(): void {
    this.#change(Word.status, (status) => status | POWER_BUTTON);
  }

  /** A general-purpose event has happened; from any thread. */
  raise(event: number): void {
    this.#change(Word.gpeStatus, (status) => status | (1 << event));
  }

  /** General-purpose events have registers of a byte. */
  #writeEvents(offset: number, value: number): void {
    if (offset === PmRegister.gpeStatus) this.#change(Word.gpeStatus, (status) => status & ~value);
    else if (offset === PmRegister.gpeEnable) this.#change(Word.gpeEnable, () => value);
  }

  #setControl(value: number): void {
    this.#control = value & ~SLEEP_ENABLE;
    const type = (value >> SLEEP_TYPE_SHIFT) & SLEEP_TYPE_MASK;
    if ((value & SLEEP_ENABLE) !== 0 && type === SLEEP_TYPE_S5) this.#options.onPowerOff();
  }

  #timer(): number {
    const now = this.#options.now ?? (() => performance.now());
    return (Math.floor((now() * TIMER_HZ) / 1000) + this.#timerOffset) & TIMER_MASK;
  }

  #word(at: number): number {
    return Atomics.load(this.#words, at);
  }

  /** The line is high while an enabled event is pending. */
  #change(at: number, change: (before: number) => number): void {
    acquire(this.#words, Word.lock);
    try {
      this.#words[at] = change(this.#words[at]!);
      const fixed = this.#words[Word.status]! & this.#words[Word.enable]!;
      const general = this.#words[Word.gpeStatus]! & this.#words[Word.gpeEnable]!;
      const level = (fixed | general) === 0 ? 0 : 1;
      if (level === this.#words[Word.level]) return;
      this.#words[Word.level] = level;
      this.#options.line.set(level === 1);
    } finally {
      release(this.#words, Word.lock);
    }
  }
}
