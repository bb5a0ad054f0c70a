/** Flat segments, as a vCPU holds them and as a descriptor table in guest memory describes them. */
import type { DescriptorTable, Segment } from '../uapi/registers.js';

const DATA_WRITABLE_ACCESSED = 3;
const CODE_READABLE_ACCESSED = 11;
const TSS_BUSY = 11;
const TSS_AVAILABLE = 9;

const DESCRIPTOR_BYTES = 8;
/** The fixed part, which the port permission bitmap follows: one bit a port, and a last byte of ones. */
const TSS_HEAD_BYTES = 104;
const PORT_BITMAP_BYTES = 65536 / 8;
const TSS_BYTES = TSS_HEAD_BYTES + PORT_BITMAP_BYTES + 1;
const TSS_RSP0 = 4;
const TSS_IO_MAP_BASE = 102;

/** Index of each descriptor in the table; the order is the one SYSCALL and SYSRET expect. */
const Index = { kernelCode: 1, kernelData: 2, userData: 3, userCode: 4, tss: 5 } as const;
const TABLE_BYTES = (Index.tss + 2) * DESCRIPTOR_BYTES;
const TSS_OFFSET = 0x40;

/** Bytes of guest memory that `descriptorTables` fills. */
export const DESCRIPTOR_TABLES_BYTES = TSS_OFFSET + TSS_BYTES;

/** 0: kernel, 3: user. */
export type PrivilegeLevel = 0 | 3;

const flat = {
  base: 0n,
  limit: 0xffff_ffff,
  present: 1,
  s: 1,
  g: 1,
  l: 0,
  avl: 0,
  unusable: 0,
} as const;

const selector = (index: number, dpl: PrivilegeLevel): number => index * DESCRIPTOR_BYTES + dpl;

/** A code segment over the whole address space. */
export function codeSegment(width: 32 | 64, dpl: PrivilegeLevel): Segment {
  const index = dpl === 0 ? Index.kernelCode : Index.userCode;
  const type = CODE_READABLE_ACCESSED;
  return { ...flat, type, dpl, selector: selector(index, dpl), l: width === 64 ? 1 : 0, db: width === 32 ? 1 : 0 };
}

/** A data or stack segment over the whole address space. */
export function dataSegment(dpl: PrivilegeLevel): Segment {
  const index = dpl === 0 ? Index.kernelData : Index.userData;
  return { ...flat, type: DATA_WRITABLE_ACCESSED, dpl, selector: selector(index, dpl), db: 1 };
}

/** A real mode segment: 64 KiB from `base`, which must be a multiple of 16 below 1 MiB. */
export function realModeSegment(base: number, kind: 'code' | 'data'): Segment {
  const type = kind === 'code' ? CODE_READABLE_ACCESSED : DATA_WRITABLE_ACCESSED;
  return { ...flat, type, base: BigInt(base), limit: 0xffff, selector: base >> 4, g: 0, dpl: 0, db: 0 };
}

/** The task register for the TSS that `descriptorTables` puts behind `gpa`. */
export function taskSegment(gpa: number): Segment {
  const base = BigInt(gpa + TSS_OFFSET);
  const limit = TSS_BYTES - 1;
  return { ...flat, type: TSS_BUSY, base, limit, selector: selector(Index.tss, 0), s: 0, g: 0, dpl: 0, db: 0 };
}

/** GDTR for the table that `descriptorTables` builds. */
export function gdtAt(gpa: number): DescriptorTable {
  return { base: BigInt(gpa), limit: TABLE_BYTES - 1 };
}

/** The eight bytes of a descriptor, low byte first. */
function descriptor(segment: Segment): bigint {
  const limit = BigInt(segment.g === 1 ? segment.limit >>> 12 : segment.limit);
  const access = segment.type | (segment.s << 4) | (segment.dpl << 5) | (segment.present << 7);
  const flags = segment.avl | (segment.l << 1) | (segment.db << 2) | (segment.g << 3);
  return (
    (limit & 0xffffn) |
    ((segment.base & 0xff_ffffn) << 16n) |
    (BigInt(access) << 40n) |
    (((limit >> 16n) & 0xfn) << 48n) |
    (BigInt(flags) << 52n) |
    (((segment.base >> 24n) & 0xffn) << 56n)
  );
}

/**
 * A GDT with kernel and user segments and a TSS whose kernel stack is `stack`, for guests that load segments or take
 * interrupts. The TSS also permits every port at user privilege: under PVM the IO privilege level of RFLAGS is lost. The
 * bytes belong at `gpa`.
 */
export function descriptorTables(gpa: number, width: 32 | 64, stack: number): Uint8Array {
  const bytes = new Uint8Array(DESCRIPTOR_TABLES_BYTES);
  const view = new DataView(bytes.buffer);
  const task = { ...taskSegment(gpa), type: TSS_AVAILABLE };
  const table = [codeSegment(width, 0), dataSegment(0), dataSegment(3), codeSegment(width, 3), task];
  table.forEach((segment, i) => {
    view.setBigUint64((i + 1) * DESCRIPTOR_BYTES, descriptor(segment), true);
  });
  view.setBigUint64((Index.tss + 1) * DESCRIPTOR_BYTES, task.base >> 32n, true);
  view.setBigUint64(TSS_OFFSET + TSS_RSP0, BigInt(stack), true);
  view.setUint16(TSS_OFFSET + TSS_IO_MAP_BASE, TSS_HEAD_BYTES, true);
  bytes[TSS_OFFSET + TSS_BYTES - 1] = 0xff;
  return bytes;
}
