/** The three parts of a queue, found in guest memory and checked before anything is read from them. */
import {
  AvailRing,
  DESCRIPTOR_ALIGNMENT,
  DESCRIPTOR_SIZE,
  EventSuppression,
  Feature,
  MAX_QUEUE_SIZE,
  RingPosition,
  UsedRing,
} from '../spec/index.js';
import { QueueError } from './errors.js';
import type { GuestAccess } from './guest-access.js';
import type { MemoryMap } from './memory-map.js';
import { accessTo } from './queue-memory.js';
import type { QueuePosition, QueueSetup } from './setup.js';

export interface RingAreas {
  readonly descriptors: GuestAccess;
  readonly driver: GuestAccess;
  readonly device: GuestAccess;
}

/** One part before it has been found. Lengths in bytes. */
interface Area {
  readonly name: string;
  readonly gpa: bigint;
  readonly length: number;
  readonly alignment: number;
  /** Whether the device writes there. */
  readonly written: boolean;
}

export function isPacked({ features }: QueueSetup): boolean {
  return (features & Feature.ringPacked) !== 0n;
}

export function allowsIndirect({ features }: QueueSetup): boolean {
  return (features & Feature.indirectDesc) !== 0n;
}

/** Throws QueueError where a part is misaligned, not in memory as it must be, or overlaps another. */
export function locateAreas(setup: QueueSetup, memory: MemoryMap): RingAreas {
  const areas = isPacked(setup) ? packedAreas(setup) : splitAreas(setup);
  const [descriptors, driver, device] = areas;
  areas.forEach(checkAlignment);
  checkApart(descriptors, driver);
  checkApart(driver, device);
  checkApart(device, descriptors);
  return { descriptors: locate(descriptors, memory), driver: locate(driver, memory), device: locate(device, memory) };
}

function splitAreas(setup: QueueSetup): [Area, Area, Area] {
  return [
    descriptorArea(setup, false),
    {
      name: 'available ring',
      gpa: setup.driverArea,
      length: AvailRing.fixedSize + AvailRing.entrySize * setup.size,
      alignment: AvailRing.alignment,
      written: false,
    },
    {
      name: 'used ring',
      gpa: setup.deviceArea,
      length: UsedRing.fixedSize + UsedRing.entrySize * setup.size,
      alignment: UsedRing.alignment,
      written: true,
    },
  ];
}

function packedAreas(setup: QueueSetup): [Area, Area, Area] {
  const { size: length, alignment } = EventSuppression;
  return [
    descriptorArea(setup, true),
    { name: 'driver event suppression', gpa: setup.driverArea, length, alignment, written: false },
    { name: 'device event suppression', gpa: setup.deviceArea, length, alignment, written: true },
  ];
}

function descriptorArea({ descriptors, size }: QueueSetup, written: boolean): Area {
  const length = DESCRIPTOR_SIZE * size;
  return { name: 'descriptor area', gpa: descriptors, length, alignment: DESCRIPTOR_ALIGNMENT, written };
}

function checkAlignment({ name, gpa, alignment }: Area): void {
  if (gpa % BigInt(alignment) !== 0n)
    throw new QueueError('alignment', `${name} at 0x${gpa.toString(16)}, alignment ${alignment}`);
}

function checkApart(one: Area, other: Area): void {
  if (one.gpa < other.gpa + BigInt(other.length) && other.gpa < one.gpa + BigInt(one.length))
    throw new QueueError('overlap', `${one.name} at 0x${one.gpa.toString(16)} and ${other.name}`);
}

function locate({ name, gpa, length, written }: Area, memory: MemoryMap): GuestAccess {
  const address = Number(gpa);
  const found = memory.find(address);
  const region = memory.regions[found];
  if (region === undefined || length > memory.left(found, address) || (written && region.readonly))
    throw new QueueError('area', `${name} at 0x${gpa.toString(16)}, ${length} byte(s)`);
  return accessTo(region, memory.offset(found, address), length);
}

/** Throws QueueError where the size is not one of the format's. */
export function checkSize(setup: QueueSetup): void {
  const { size } = setup;
  const inRange = Number.isInteger(size) && size >= 1 && size <= MAX_QUEUE_SIZE;
  if (!inRange || (!isPacked(setup) && (size & (size - 1)) !== 0)) throw new QueueError('size', `size ${size}`);
}

/** Chains are recovered between two positions, which no queue has without one. */
const NOWHERE: QueuePosition = { available: Number.NaN, used: Number.NaN };

/** Throws QueueError where a saved position is none: it comes from a migration stream or a frontend. */
export function checkPosition(setup: QueueSetup): void {
  const { position, recovered = [], size } = setup;
  if (position === undefined && recovered.length === 0) return;
  const { available, used } = position ?? NOWHERE;
  const valid = [available, used].every((value) => isIndex(value) && (!isPacked(setup) || isOffset(value, size)));
  if (!valid || distance(setup, { available, used }) !== recoveredEntries(setup))
    throw new QueueError('position', `available ${available}, used ${used} in a queue of ${size}`);
}

/** Entries from `used` to `available`. */
function distance(setup: QueueSetup, { available, used }: QueuePosition): number {
  if (!isPacked(setup)) return (available - used) & 0xffff;
  const { offsetMask, wrap } = RingPosition;
  const laps = ((available ^ used) & wrap) === 0 ? 0 : setup.size;
  return laps + (available & offsetMask) - (used & offsetMask);
}

/** Entries that the recovered chains occupy; no more than there are. */
function recoveredEntries(setup: QueueSetup): number {
  const { recovered = [], size } = setup;
  const entries = recovered.reduce((sum, { descriptors }) => sum + (isPacked(setup) ? wordsOf(descriptors) / 4 : 1), 0);
  return entries <= size ? entries : Number.NaN;
}

/** Of one or more whole descriptors. */
function wordsOf(descriptors: Uint32Array | undefined): number {
  const words = descriptors?.length ?? 0;
  return words > 0 && words % 4 === 0 ? words : Number.NaN;
}

function isOffset(value: number, size: number): boolean {
  return (value & RingPosition.offsetMask) < size;
}

function isIndex(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff;
}
