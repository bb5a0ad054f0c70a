/** The value of SET_VRING_BASE and GET_VRING_BASE ("Vring base index"). */
import type { QueuePosition } from '../../virtio/queue/index.js';
import { Feature } from '../../virtio/spec/index.js';

const HALF = 0xffff;

/** Split: the next available index. Packed: offset and wrap counter of the next available, then of the next used. */
export function decodeRingBase(value: number, features: bigint): QueuePosition {
  const available = value & HALF;
  return { available, used: isPacked(features) ? value >>> 16 : available };
}

export function encodeRingBase({ used }: QueuePosition, features: bigint): number {
  return isPacked(features) ? ((used << 16) | used) >>> 0 : used;
}

/** Of a ring that has never run: the wrap counters of a packed one begin at 1. */
export function freshRingBase(features: bigint): number {
  return isPacked(features) ? 0x80008000 : 0;
}

function isPacked(features: bigint): boolean {
  return (features & Feature.ringPacked) !== 0n;
}
