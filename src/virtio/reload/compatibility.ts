/** What of a device the driver has seen, and relies on until its next reset. */
import type { VirtioDevice } from '../device.js';
import { DEVICE_FEATURE_MASK } from '../spec/index.js';
import { ReloadError } from './errors.js';

function require(condition: boolean, reason: string): void {
  if (!condition) throw new ReloadError(`${reason}; restart the server for that`);
}

/** ReloadError where a driver of `current`, which has accepted `driverFeatures` (null: none yet), could not go on. */
export function requireCompatible(current: VirtioDevice, next: VirtioDevice, driverFeatures: bigint | null): void {
  const missing = (driverFeatures ?? 0n) & DEVICE_FEATURE_MASK & ~next.features;
  require(next.deviceType === current.deviceType, `its type is ${next.deviceType}, not ${current.deviceType}`);
  require(String(next.queueSizes) === String(current.queueSizes), 'its queues are not those the driver has set up');
  require(next.config.bytes.length === current.config.bytes.length, 'its configuration has another length');
  require(missing === 0n, `it lacks features the driver uses (0x${missing.toString(16)})`);
}
