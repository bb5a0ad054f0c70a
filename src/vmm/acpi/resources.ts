/** Resource descriptors of a `_CRS` (ACPI 6.5, 6.4). */
import type { Range } from '../layout.js';
import { type Aml, aml, buffer, little } from './aml.js';

const Tag = { irq: 0x23, io: 0x47, end: 0x79, dword: 0x87, word: 0x88, qword: 0x8a } as const;
const Kind = { memory: 0, io: 1, bus: 2 } as const;

/** Decoded positively, both ends fixed. */
const FIXED = 0x0c;
const MEMORY_READ_WRITE = 0x01;
const IO_ENTIRE_RANGE = 0x03;
const IO_DECODE_16 = 1;
const IRQ_EDGE_HIGH = 0x01;

/** Ports of a device that are where they are. */
export function ioPorts(first: number, count: number): Aml {
  return aml(Tag.io, IO_DECODE_16) + little(first, 2) + little(first, 2) + aml(1, count);
}

/** An ISA interrupt: edge-triggered, active high. */
export function isaIrq(irq: number): Aml {
  return aml(Tag.irq) + little(2 ** irq, 2) + aml(IRQ_EDGE_HIGH);
}

/** Bus numbers behind a bridge. */
export function busNumbers({ start, end }: Range): Aml {
  return aml(Tag.word) + addressSpace(2, Kind.bus, 0, start, end);
}

/** Ports that a bridge passes on. */
export function ioWindow({ start, end }: Range): Aml {
  return aml(Tag.word) + addressSpace(2, Kind.io, IO_ENTIRE_RANGE, start, end);
}

/** Memory below 4 GiB that a bridge passes on. */
export function memoryWindow({ start, end }: Range): Aml {
  return aml(Tag.dword) + addressSpace(4, Kind.memory, MEMORY_READ_WRITE, start, end);
}

export function memoryWindow64({ start, end }: Range): Aml {
  return aml(Tag.qword) + addressSpace(8, Kind.memory, MEMORY_READ_WRITE, start, end);
}

/** Granularity, minimum, maximum, translation, length: each of `width` bytes. */
function addressSpace(width: number, kind: number, typeFlags: number, start: number, end: number): Aml {
  const fields = [0, start, end - 1, 0, end - start].map((value) => little(value, width)).join('');
  return little(3 + fields.length, 2) + aml(kind, FIXED, typeFlags) + fields;
}

/** A buffer with the end tag, whose checksum of zero means that there is none. */
export function resources(descriptors: readonly Aml[]): Aml {
  return buffer(descriptors.join('') + aml(Tag.end, 0));
}
