/** The device status field as a state machine (2.1, 3.1): which writes take effect. */
import { DeviceStatus } from '../spec/index.js';

const { acknowledge, driver, driverOk, featuresOk, failed } = DeviceStatus;

/** How the driver reaches the device. It decides with its first status write, for the time until the next reset. */
export type DriverInterface = 'modern' | 'legacy';

/** Bits that a driver sets. */
export const DRIVER_BITS = acknowledge | driver | featuresOk | driverOk | failed;

/**
 * The status after a driver at `current` has written `written`, which is not 0 (a reset). Bits are taken one by one in the
 * order of 3.1.1; one that may not be set yet is left out. A write that clears a bit, and any after FAILED, changes nothing.
 */
export function nextStatus(
  current: number,
  written: number,
  driverInterface: DriverInterface,
  featuresAcceptable: () => boolean,
): number {
  if ((current & ~written & DRIVER_BITS) !== 0 || (current & failed) !== 0) return current;
  const added = written & ~current;
  let next = current | (added & (acknowledge | failed));
  if ((next & acknowledge) !== 0) next |= added & driver;
  const ready = driverInterface === 'legacy' ? next & driver : current & featuresOk;
  if (ready !== 0) next |= added & driverOk;
  const negotiates = driverInterface === 'modern' && (next & driver) !== 0 && (added & featuresOk) !== 0;
  return negotiates && featuresAcceptable() ? next | featuresOk : next;
}
