/** Indirect tables (2.7.5.3, 2.8.7). */
import type { GuestMemory } from '../../memory/index.js';
import { DESCRIPTOR_SIZE, DescriptorFlag } from '../../virtio/index.js';
import { type DescriptorFields, DescriptorTable } from './descriptor-table.js';
import type { RingBuffer } from './driver-ring.js';
import type { RingFormat } from './ring-place.js';

/** Writes a table at `gpa`; returns the descriptor that refers to it. */
export function writeTable(
  format: RingFormat,
  memory: GuestMemory,
  gpa: number,
  buffers: readonly RingBuffer[],
): DescriptorFields {
  const table = new DescriptorTable(format, memory, gpa);
  buffers.forEach((buffer, i) => {
    const last = i === buffers.length - 1;
    const flags = buffer.writable ? DescriptorFlag.write : 0;
    const linked = format === 'split' ? { flags: flags | (last ? 0 : DescriptorFlag.next), next: i + 1 } : { flags };
    table.set(i, { address: buffer.gpa, length: buffer.length, ...linked });
  });
  return { address: gpa, length: DESCRIPTOR_SIZE * buffers.length, flags: DescriptorFlag.indirect };
}
