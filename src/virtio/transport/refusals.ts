/** What a transport did not let the driver do, counted by kind. */
export interface Refusals {
  /** Status writes of which a bit did not take effect. */
  status: number;
  /** Feature writes after FEATURES_OK or beyond bit 127, and FEATURES_OK with features that are not acceptable. */
  features: number;
  /** Writes to queue registers: of no queue, frozen, or with a value that cannot be. */
  queue: number;
  /** Kicks of a queue that does not exist or does not run, or that name another queue. */
  kick: number;
  /** Accesses outside device configuration space, or while the device resets. */
  config: number;
  /** Accesses through the PCI configuration access capability that no window takes. */
  pciCfg: number;
}

export function noRefusals(): Refusals {
  return { status: 0, features: 0, queue: 0, kick: 0, config: 0, pciCfg: 0 };
}
