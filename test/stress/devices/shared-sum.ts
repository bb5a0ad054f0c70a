/**
 * A device of two regions on threads of their own: what is written to `doorbell` shows in the sum that `status` reads.
 * `loadMs` makes it slow to load.
 */
import type { DeviceContext, RegisterDevice } from 'ioregion/device';

export interface SharedSumOptions {
  readonly loadMs?: number;
}

export default async function createSharedSum(
  { loadMs = 0 }: SharedSumOptions = {},
  { shared, region }: DeviceContext,
): Promise<RegisterDevice> {
  await new Promise((resolve) => setTimeout(resolve, loadMs));
  const sum = new Uint32Array(shared!);
  const add = (_offset: number, _size: number, value: number) => void Atomics.add(sum, 0, value);
  if (region === 'doorbell') return { read: () => -1, write: add };
  return { read: () => Atomics.load(sum, 0), write: () => {} };
}
