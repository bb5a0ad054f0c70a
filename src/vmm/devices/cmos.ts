/** The clock of a PC (MC146818) and its memory, as far as guests read the time: UTC, 24 hours, BCD. No alarms. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { SavedFields } from '../../virtio/state/index.js';

const Register = { statusA: 0x0a, statusB: 0x0b, statusC: 0x0c, statusD: 0x0d, century: 0x32 } as const;
const STATUS_A = 0x26;
const HOURS_24 = 0x02;
const BATTERY_GOOD = 0x80;
const INDEX_MASK = 0x7f;

const bcd = (value: number): number => Math.floor(value / 10) * 16 + (value % 10);

/** By register: the time. */
const TIME: ReadonlyMap<number, (now: Date) => number> = new Map([
  [0x00, (now) => bcd(now.getUTCSeconds())],
  [0x02, (now) => bcd(now.getUTCMinutes())],
  [0x04, (now) => bcd(now.getUTCHours())],
  [0x06, (now) => now.getUTCDay() + 1],
  [0x07, (now) => bcd(now.getUTCDate())],
  [0x08, (now) => bcd(now.getUTCMonth() + 1)],
  [0x09, (now) => bcd(now.getUTCFullYear() % 100)],
  [Register.century, (now) => bcd(Math.floor(now.getUTCFullYear() / 100))],
]);

/** Two ports: the index, and the register it selects. */
export class Cmos implements RegisterDevice {
  readonly #now: () => Date;
  readonly #stored = new Uint8Array(INDEX_MASK + 1);
  #index = 0;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
    this.#stored[Register.statusA] = STATUS_A;
    this.#stored[Register.statusB] = HOURS_24;
  }

  save(): unknown {
    return { index: this.#index, stored: this.#stored.slice() };
  }

  /** @throws SavedStateError */
  restore(saved: SavedFields): void {
    this.#index = saved.integer('index', INDEX_MASK);
    this.#stored.set(saved.bytes('stored', this.#stored.length));
    this.#stored[Register.statusA] = STATUS_A;
    this.#stored[Register.statusB] = HOURS_24;
  }

  read(offset: number, size: number): number {
    if (size !== 1) return -1;
    if (offset === 0) return this.#index;
    const time = TIME.get(this.#index);
    if (time !== undefined) return time(this.#now());
    if (this.#index === Register.statusC) return 0;
    return this.#index === Register.statusD ? BATTERY_GOOD : this.#stored[this.#index]!;
  }

  /** Setting the time has no effect, the format stays as it is. */
  write(offset: number, size: number, value: number): void {
    if (size !== 1) return;
    if (offset === 0) this.#index = value & INDEX_MASK;
    else if (this.#index !== Register.statusA && this.#index !== Register.statusB) this.#stored[this.#index] = value;
  }
}
