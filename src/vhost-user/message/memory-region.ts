/** One region of guest memory: an entry of SET_MEM_TABLE, and all of ADD_MEM_REG and REM_MEM_REG. */
import { newPayload, payloadView } from './layout.js';

export const MEMORY_REGION_BYTES = 32;
/** ADD_MEM_REG and REM_MEM_REG begin with padding. */
export const SINGLE_REGION_BYTES = 8 + MEMORY_REGION_BYTES;

export interface MemoryRegionMessage {
  readonly guestAddress: bigint;
  /** In bytes. */
  readonly size: bigint;
  /** Where the frontend has it; ring addresses are given like this. */
  readonly userAddress: bigint;
  /** Of the region in its file. */
  readonly mmapOffset: bigint;
}

export function writeMemoryRegion(view: DataView, at: number, region: MemoryRegionMessage): void {
  view.setBigUint64(at, region.guestAddress, true);
  view.setBigUint64(at + 8, region.size, true);
  view.setBigUint64(at + 16, region.userAddress, true);
  view.setBigUint64(at + 24, region.mmapOffset, true);
}

export function readMemoryRegion(view: DataView, at: number): MemoryRegionMessage {
  return {
    guestAddress: view.getBigUint64(at, true),
    size: view.getBigUint64(at + 8, true),
    userAddress: view.getBigUint64(at + 16, true),
    mmapOffset: view.getBigUint64(at + 24, true),
  };
}

export function encodeSingleRegion(region: MemoryRegionMessage): Uint8Array {
  const { payload, view } = newPayload(SINGLE_REGION_BYTES);
  writeMemoryRegion(view, 8, region);
  return payload;
}

export function decodeSingleRegion(payload: Uint8Array): MemoryRegionMessage {
  return readMemoryRegion(payloadView(payload, SINGLE_REGION_BYTES), 8);
}
