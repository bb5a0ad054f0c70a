/**
 * A device to copy: a doorbell that counts its rings. Serve it from a Worker or another process by the URL of this
 * file; the default export makes one device from structured-cloneable options.
 */
import { RegisterBlock, type RegisterDevice } from 'ioregion/device';

export const counterBlock = new RegisterBlock({
  name: 'counter',
  description: 'Counts how often its doorbell is rung.',
  size: 0x20,
  registers: [
    { offset: 0x00, width: 4, name: 'VERSION', access: 'ro', reset: 0x0001_0000, description: 'Major, minor: 1.0.' },
    { offset: 0x04, width: 4, name: 'COUNT', access: 'ro', description: 'Rings since reset, modulo 2^32.' },
    {
      offset: 0x08,
      width: 4,
      name: 'DOORBELL',
      access: 'wo',
      onWrite: 'adds one to COUNT and sets STATUS.RUNG',
      description: 'Any value rings.',
    },
    {
      offset: 0x0c,
      width: 4,
      name: 'STATUS',
      access: 'w1c',
      bits: [
        { bit: 0, name: 'RUNG', description: 'The doorbell was rung.' },
        { bit: 1, name: 'WRAPPED', description: 'COUNT went from its largest value to zero.' },
      ],
      description: 'What happened since it was last cleared.',
    },
    { offset: 0x10, width: 4, widths: [1, 2, 4], name: 'SCRATCH', access: 'rw', description: 'Keeps what is written.' },
  ],
});

export interface CounterOptions {
  /** COUNT at the start; 0 unless given. */
  count?: number;
}

export default function createCounter({ count = 0 }: CounterOptions = {}): RegisterDevice {
  const device = counterBlock.create({ onWrite: { DOORBELL: ring } });
  const counter = device.register('COUNT');
  const status = device.register('STATUS');
  counter.value = count;

  function ring(): void {
    counter.value += 1;
    status.value |= counter.value === 0 ? 0b11 : 0b01;
  }
  return device;
}
