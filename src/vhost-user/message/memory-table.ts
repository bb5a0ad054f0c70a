/** All regions of guest memory: SET_MEM_TABLE. */
import { VhostUserProtocolError } from '../errors.js';
import { MAX_TABLE_REGIONS } from '../spec/index.js';
import { newPayload, payloadView } from './layout.js';
import { MEMORY_REGION_BYTES, type MemoryRegionMessage, readMemoryRegion, writeMemoryRegion } from './memory-region.js';

const REGIONS_AT = 8;

export function encodeMemoryTable(regions: readonly MemoryRegionMessage[]): Uint8Array {
  const { payload, view } = newPayload(REGIONS_AT + MEMORY_REGION_BYTES * regions.length);
  view.setUint32(0, regions.length, true);
  regions.forEach((region, i) => {
    writeMemoryRegion(view, REGIONS_AT + MEMORY_REGION_BYTES * i, region);
  });
  return payload;
}

/** Longer payloads than the count needs are accepted: User-Mode Linux pads to two regions. */
export function decodeMemoryTable(payload: Uint8Array): MemoryRegionMessage[] {
  const count = payloadView(payload, REGIONS_AT, { padded: true }).getUint32(0, true);
  if (count > MAX_TABLE_REGIONS)
    throw new VhostUserProtocolError(`a memory table of ${count} regions: at most ${MAX_TABLE_REGIONS}`);
  const view = payloadView(payload, REGIONS_AT + MEMORY_REGION_BYTES * count, { padded: true });
  return Array.from({ length: count }, (_, i) => readMemoryRegion(view, REGIONS_AT + MEMORY_REGION_BYTES * i));
}
