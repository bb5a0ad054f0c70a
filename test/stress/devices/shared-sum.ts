/** A device of two regions on threads of their own: what is written to `doorbell` shows in the sum that `status` reads. */
import type { DeviceContext, RegisterDevice } from 'ioregion/device';

export default function createSharedSum(_options: unknown, { shared, region }: DeviceContext): RegisterDevice {
  const sum = new Uint32Array(shared!);
  if (region === 'doorbell')
    return { read: () => -1, write: (_offset, _size, value) => void Atomics.add(sum, 0, value) };
  return { read: () => Atomics.load(sum, 0), write: () => {} };
}
