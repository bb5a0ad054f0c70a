/** Feature bits of the console device (virtio 5.3.3). */
const bit = (number: number): bigint => 1n << BigInt(number);

export const ConsoleFeature = {
  /** `cols` and `rows` are there. */
  size: bit(0),
  /** Several ports, and control queues. */
  multiport: bit(1),
  /** `emerg_wr` is there. */
  emergencyWrite: bit(2),
} as const;

export function offeredFeatures(multiport: boolean): bigint {
  const features = ConsoleFeature.size | ConsoleFeature.emergencyWrite;
  return multiport ? features | ConsoleFeature.multiport : features;
}

/** What the features the driver accepted decide, once per activation. */
export interface Negotiated {
  /** The driver reads the size of port 0 from the configuration. */
  readonly readsSize: boolean;
  readonly multiport: boolean;
}

export function negotiate(accepted: bigint): Negotiated {
  const has = (feature: bigint) => (accepted & feature) !== 0n;
  return { readsSize: has(ConsoleFeature.size), multiport: has(ConsoleFeature.multiport) };
}
