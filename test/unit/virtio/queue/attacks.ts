/** What a hostile driver does to a ring, and the rule it breaks by it. Numbers are those of docs/hostile-input.md. */
import type { GuestMemory } from 'ioregion/memory';
import { DescriptorTable, type MockQueue, PackedRing, SplitRing } from 'ioregion/testing';
import { DescriptorFlag, type QueueError } from 'ioregion/virtio';
import type { Format } from './subject.js';

const { next: NEXT, write: WRITE, indirect: INDIRECT, avail: AVAIL } = DescriptorFlag;

/** Memory that attacks are made in: a hole from 1 to 2 MiB, ROM behind it, a region that begins at a far end. */
export const LAYOUT = [
  { gpa: 0, size: 0x100000 },
  { gpa: 0x200000, size: 0x1000, readonly: true },
  { gpa: 0x201000, size: 0x1000 },
  { gpa: 2 ** 40, size: 0x1000 },
];
export const HOLE = 0x100000;
export const ROM = 0x200000;
export const LAST = 2 ** 40 + 0xfff;
/** A range of RAM that nothing else uses. */
export const SPARE = 0x70000;

export interface Attack {
  /** Of the list. */
  readonly number: number;
  readonly what: string;
  readonly formats: readonly Format[];
  /** VIRTIO_F_INDIRECT_DESC is accepted. */
  readonly indirect: boolean;
  readonly code: QueueError['code'];
  /** On a fresh ring of 8, in which nothing has been made available. */
  carryOut(queue: MockQueue, memory: GuestMemory): void;
}

interface Options {
  readonly formats?: readonly Format[];
  readonly indirect?: boolean;
}

type Deed = (queue: MockQueue, memory: GuestMemory) => void;

function attack(number: number, what: string, rule: string, carryOut: Deed, options: Options = {}): Attack {
  const { formats = ['split', 'packed'], indirect = false } = options;
  return { number, what, formats, indirect, code: `ERR_IOREGION_QUEUE_${rule}`, carryOut };
}

const split =
  (deed: (ring: SplitRing, queue: MockQueue, memory: GuestMemory) => void): Deed =>
  (queue, memory) => {
    if (queue.ring instanceof SplitRing) deed(queue.ring, queue, memory);
  };
const packed =
  (deed: (ring: PackedRing, queue: MockQueue, memory: GuestMemory) => void): Deed =>
  (queue, memory) => {
    if (queue.ring instanceof PackedRing) deed(queue.ring, queue, memory);
  };
const SPLIT: Options = { formats: ['split'] };
const PACKED: Options = { formats: ['packed'] };

/** A buffer where the driver says; all else is right. */
const bufferAt =
  (address: number | bigint, length: number, writable = true): Deed =>
  (queue) => {
    queue.add([writable ? { room: 1 } : { bytes: new Uint8Array(1) }]);
    queue.ring.descriptors.set(0, { address, length });
    queue.publish();
  };

/** A descriptor that refers to a table where the driver says; flags without those of availability. */
const tableAt =
  (address: number | bigint, length: number, flags: number = INDIRECT): Deed =>
  (queue) => {
    const { ring } = queue;
    queue.add([{ room: 1 }]);
    ring.descriptors.set(0, { address, length });
    if (ring instanceof SplitRing) ring.descriptors.set(0, { flags, next: 1 });
    queue.publish();
    if (ring instanceof PackedRing) ring.descriptors.set(0, { flags: flags | AVAIL });
  };

/** A table of `entries` in spare memory, each as `flags` and `next` say. */
const table = (entries: number, fields: (i: number) => { flags: number; next?: number; address?: number }): Deed => {
  const refer = tableAt(SPARE, 16 * entries);
  return (queue, memory) => {
    const written = new DescriptorTable(queue.ring.format, memory, SPARE);
    for (let i = 0; i < entries; i++) written.set(i, { address: SPARE, length: 1, ...fields(i) });
    refer(queue, memory);
  };
};

/** A ring all of whose descriptors go on. */
const endless = (length: number): Deed =>
  packed((ring, queue) => {
    for (let i = 1; i < 8; i++) ring.descriptors.set(i, { address: SPARE, length, id: 0, flags: NEXT | AVAIL });
    queue.publish();
    ring.descriptors.set(0, { address: SPARE, length, id: 0, flags: NEXT | AVAIL });
  });

/** Descriptors of a split ring, the first of which is made available. */
const chain = (descriptors: readonly { flags: number; next?: number; length?: number }[]): Deed =>
  split((ring, queue) => {
    for (const [i, fields] of descriptors.entries()) ring.descriptors.set(i, { address: SPARE, length: 1, ...fields });
    ring.makeAvailable(0);
    queue.publish();
  });

const idx = (value: number): Deed =>
  split(({ fields }) => {
    fields.availIdx = value;
  });
const head = (value: number): Deed =>
  split((ring, queue) => {
    ring.makeAvailable(value);
    queue.publish();
  });

const withTables: Options = { indirect: true };
const splitTables: Options = { ...SPLIT, indirect: true };
const packedTables: Options = { ...PACKED, indirect: true };

export const ATTACKS: readonly Attack[] = [
  attack(1, 'the available index is ahead by one more than the ring has entries', 'AVAIL_INDEX', idx(9), SPLIT),
  attack(1, 'the available index is half its range ahead', 'AVAIL_INDEX', idx(0x8000), SPLIT),
  attack(1, 'the available index runs back', 'AVAIL_INDEX', idx(0xffff), SPLIT),
  attack(2, 'a head is the size of the table', 'HEAD_RANGE', head(8), SPLIT),
  attack(2, 'a head has its highest bit set', 'HEAD_RANGE', head(0x8000), SPLIT),
  attack(2, 'a head is the largest number', 'HEAD_RANGE', head(0xffff), SPLIT),
  attack(3, 'next is the size of the table', 'NEXT_RANGE', chain([{ flags: NEXT, next: 8 }]), SPLIT),
  attack(3, 'next is the largest number', 'NEXT_RANGE', chain([{ flags: NEXT, next: 0xffff }]), SPLIT),
  attack(3, 'a descriptor is its own next', 'CHAIN_LENGTH', chain([{ flags: NEXT, next: 0 }]), SPLIT),
  attack(
    3,
    'two descriptors follow each other',
    'CHAIN_LENGTH',
    chain([
      { flags: NEXT, next: 1 },
      { flags: NEXT, next: 0 },
    ]),
    SPLIT,
  ),
  attack(3, 'a list goes on all round the ring', 'CHAIN_LENGTH', endless(1), PACKED),
  attack(
    3,
    'a list goes on where nothing is available',
    'CHAIN_INCOMPLETE',
    packed((ring, queue) => {
      queue.add([{ room: 1 }]);
      queue.publish();
      ring.descriptors.set(0, { flags: NEXT | WRITE | AVAIL });
    }),
    PACKED,
  ),
  attack(
    3,
    'next leaves an indirect table',
    'NEXT_RANGE',
    table(2, () => ({ flags: NEXT, next: 2 })),
    splitTables,
  ),
  attack(
    3,
    'an indirect table loops',
    'CHAIN_LENGTH',
    table(2, (i) => ({ flags: NEXT, next: 1 - i })),
    splitTables,
  ),
  attack(
    4,
    'empty descriptors follow each other for ever',
    'CHAIN_LENGTH',
    chain([{ flags: NEXT, next: 0, length: 0 }]),
    SPLIT,
  ),
  attack(4, 'empty descriptors go all round the ring', 'CHAIN_LENGTH', endless(0), PACKED),
  attack(5, 'a buffer is as long as can be', 'BUFFER_ADDRESS', bufferAt(SPARE, 0xffffffff)),
  attack(
    5,
    'a buffer of 2 GiB, whose length is negative to 32-bit operators',
    'BUFFER_ADDRESS',
    bufferAt(SPARE, 0x80000000),
  ),
  attack(7, 'an indirect table without the feature', 'INDIRECT_FEATURE', tableAt(SPARE, 16)),
  attack(7, 'an indirect table of no bytes', 'INDIRECT_LENGTH', tableAt(SPARE, 0), withTables),
  attack(7, 'an indirect table of half a descriptor', 'INDIRECT_LENGTH', tableAt(SPARE, 8), withTables),
  attack(7, 'an indirect table with one byte too many', 'INDIRECT_LENGTH', tableAt(SPARE, 17), withTables),
  attack(7, 'an indirect table that is longer than the ring', 'CHAIN_LENGTH', tableAt(SPARE, 16 * 9), withTables),
  attack(7, 'an indirect table as long as can be', 'CHAIN_LENGTH', tableAt(SPARE, 0xfffffff0), withTables),
  attack(7, 'an indirect table with a next', 'INDIRECT_NEXT', tableAt(SPARE, 16, INDIRECT | NEXT), withTables),
  attack(
    7,
    'an indirect table in an indirect table',
    'INDIRECT_NESTED',
    table(1, () => ({ flags: INDIRECT })),
    splitTables,
  ),
  attack(
    7,
    'an indirect table behind another descriptor of a packed list',
    'INDIRECT_NEXT',
    packed((ring, queue) => {
      queue.add([{ room: 1 }, { room: 1 }]);
      ring.descriptors.set(1, { address: SPARE, length: 16, flags: INDIRECT | AVAIL });
      queue.publish();
    }),
    packedTables,
  ),
  attack(8, 'an indirect table that goes on into the hole', 'INDIRECT_ADDRESS', tableAt(HOLE - 16, 32), withTables),
  attack(
    8,
    'an indirect table half of whose first entry is in the hole',
    'INDIRECT_ADDRESS',
    tableAt(HOLE - 8, 16),
    withTables,
  ),
  attack(9, 'an indirect table where no memory is', 'INDIRECT_ADDRESS', tableAt(HOLE, 16), withTables),
  attack(9, 'a buffer where no memory is', 'BUFFER_ADDRESS', bufferAt(HOLE, 1)),
  attack(9, 'a buffer far beyond all memory', 'BUFFER_ADDRESS', bufferAt(1n << 52n, 1)),
  attack(9, 'a readable buffer where no memory is', 'BUFFER_ADDRESS', bufferAt(HOLE + 0x1000, 1, false)),
  attack(10, 'address and length wrap 64 bits', 'BUFFER_ADDRESS', bufferAt(2n ** 64n - 1n, 2)),
  attack(
    10,
    'address and length wrap 64 bits to the start of memory',
    'BUFFER_ADDRESS',
    bufferAt(2n ** 64n - 0x1000n, 0x2000),
  ),
  attack(10, 'an indirect table wraps 64 bits', 'INDIRECT_ADDRESS', tableAt(2n ** 64n - 16n, 32), withTables),
  attack(10, 'an address that a double rounds to one in memory', 'BUFFER_ADDRESS', bufferAt((1n << 63n) | 0x70001n, 1)),
  attack(11, 'a buffer ends one byte behind memory', 'BUFFER_ADDRESS', bufferAt(LAST, 2)),
  attack(11, 'a buffer begins one byte behind memory', 'BUFFER_ADDRESS', bufferAt(LAST + 1, 1)),
  attack(11, 'a buffer begins one byte before memory', 'BUFFER_ADDRESS', bufferAt(2 ** 40 - 1, 2)),
  attack(
    18,
    'the wrap counters of a ring are those of the next lap in the middle of a list',
    'CHAIN_INCOMPLETE',
    packed((ring, queue) => {
      queue.add([{ room: 1 }, { room: 1 }]);
      ring.descriptors.set(1, { flags: WRITE | DescriptorFlag.used });
      queue.publish();
    }),
    PACKED,
  ),
  attack(20, 'a writable descriptor comes before a readable one', 'CHAIN_ORDER', (queue) => {
    queue.add([{ room: 1 }, { bytes: new Uint8Array(1) }]);
    queue.publish();
  }),
  attack(
    20,
    'a writable descriptor comes before a readable one in an indirect table',
    'CHAIN_ORDER',
    (queue) => {
      queue.add([{ room: 1 }, { bytes: new Uint8Array(1) }], { indirect: true });
      queue.publish();
    },
    withTables,
  ),
  attack(27, 'a buffer goes on into the hole', 'BUFFER_ADDRESS', bufferAt(HOLE - 1, 2)),
  attack(27, 'a buffer to write to in ROM', 'BUFFER_READONLY', bufferAt(ROM, 1)),
  attack(27, 'a buffer to write to that begins in ROM', 'BUFFER_READONLY', bufferAt(ROM + 0xfff, 2)),
  attack(27, 'a buffer to write to that ends in ROM', 'BUFFER_ADDRESS', bufferAt(ROM - 1, 2)),
];
