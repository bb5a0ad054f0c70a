/** Feature negotiation (2.2): what is offered, and what the driver has accepted, in 32-bit windows. */
import { Feature } from '../spec/index.js';
import type { SavedFields } from '../state/index.js';

/** 128 feature bits. */
const WINDOWS = 4;
const WINDOW_BITS = 32n;
const LEGACY_MASK = (1n << WINDOW_BITS) - 1n;

function window(features: bigint, index: number): number {
  return Number(BigInt.asUintN(32, features >> (WINDOW_BITS * BigInt(index))));
}

export class Features {
  readonly offered: bigint;
  readonly #offeredWindows: Uint32Array;
  readonly #driver = new Uint32Array(WINDOWS);
  #accepted = 0n;
  /** What each kick asks, so that it need not compute with bigints. */
  notificationData = false;
  notifConfigData = false;

  constructor(offered: bigint) {
    this.offered = offered;
    this.#offeredWindows = Uint32Array.from({ length: WINDOWS }, (_, index) => window(offered, index));
  }

  /** 32 bits of what is offered; none beyond bit 127. */
  offeredWindow(index: number): number {
    return this.#offeredWindows[index] ?? 0;
  }

  /** Bits 0 to 31 for a legacy driver, who must be told that framing does not matter (6.4). */
  get offeredToLegacy(): number {
    return Number((this.offered | Feature.anyLayout) & LEGACY_MASK);
  }

  /** 32 bits of what the driver has written so far. */
  driverWindow(index: number): number {
    return this.#driver[index] ?? 0;
  }

  /** False beyond bit 127, where nothing is stored. */
  writeDriverWindow(index: number, bits: number): boolean {
    if (index >= WINDOWS) return false;
    this.#driver[index] = bits;
    return true;
  }

  /** Whether FEATURES_OK may be set: nothing that was not offered, and VERSION_1 among it (2.2.2, 6.2). */
  get acceptable(): boolean {
    const features = this.#written();
    return (features & ~this.offered) === 0n && (features & Feature.version1) !== 0n;
  }

  /** FEATURES_OK: what the driver has written is what it accepted. */
  accept(): void {
    this.#setAccepted(this.#written());
  }

  /** DRIVER_OK of a legacy driver, which cannot be refused: it gets what of its bits was offered (2.2.3). */
  acceptLegacy(): void {
    this.#setAccepted(this.#written() & BigInt(this.offeredToLegacy));
  }

  /** What the driver accepted; none before FEATURES_OK. */
  get accepted(): bigint {
    return this.#accepted;
  }

  has(feature: bigint): boolean {
    return (this.#accepted & feature) !== 0n;
  }

  /** What the driver has written so far, in windows of 32 bits. */
  save(): number[] {
    return [...this.#driver];
  }

  /** @throws SavedStateError */
  restore(saved: SavedFields): void {
    this.#driver.set(saved.integers('driverFeatures', WINDOWS, 0xffff_ffff));
  }

  reset(): void {
    this.#driver.fill(0);
    this.#setAccepted(0n);
  }

  #setAccepted(accepted: bigint): void {
    this.#accepted = accepted;
    this.notificationData = this.has(Feature.notificationData);
    this.notifConfigData = this.has(Feature.notifConfigData);
  }

  #written(): bigint {
    return this.#driver.reduceRight((bits, part) => (bits << WINDOW_BITS) | BigInt(part), 0n);
  }
}
