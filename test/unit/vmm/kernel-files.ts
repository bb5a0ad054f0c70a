/** Small files that look like kernels, and damaged ones. */

export interface BzImageFields {
  readonly version?: number;
  readonly xloadflags?: number;
  readonly prefAddress?: bigint;
  readonly initSize?: number;
  readonly setupSectors?: number;
  readonly code?: number;
}

/** A bzImage whose code is `code` bytes of 0x90. */
export function bzImage(fields: BzImageFields = {}): Uint8Array {
  const { version = 0x020f, xloadflags = 1, prefAddress = 0x100_0000n, initSize = 0x10_0000 } = fields;
  const { setupSectors = 1, code = 0x1000 } = fields;
  const start = (setupSectors + 1) * 512;
  const file = new Uint8Array(start + code).fill(0x90, start);
  const view = new DataView(file.buffer);
  view.setUint8(0x1f1, setupSectors);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint16(0x200, 0x66eb, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, version, true);
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint16(0x236, xloadflags, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, prefAddress, true);
  view.setUint32(0x260, initSize, true);
  return file;
}

export interface ElfFields {
  readonly entry?: number | null;
  readonly address?: bigint;
  readonly memorySize?: bigint;
  readonly fileOffset?: bigint;
  readonly machine?: number;
  readonly headers?: number;
  /** Instructions at the default entry, for protected mode. */
  readonly code?: readonly number[];
}

const NOTE_AT = 0xb0;
const CODE_AT = 0x100;
const CODE_BYTES = 0x200;

/** An ELF file with one loaded segment of 0x90 and a note with the PVH entry. */
export function elf(fields: ElfFields = {}): Uint8Array {
  const { entry = 0x100_0010, address = 0x100_0000n, memorySize = 0x1000n, fileOffset = BigInt(CODE_AT) } = fields;
  const file = new Uint8Array(CODE_AT + CODE_BYTES).fill(0x90, CODE_AT);
  const view = new DataView(file.buffer);
  file.set(fields.code ?? [], CODE_AT + 0x10);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, fields.machine ?? 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, fields.headers ?? 2, true);
  programHeader(view, 64, 1, { offset: fileOffset, address, size: BigInt(CODE_BYTES), memorySize });
  programHeader(view, 120, 4, { offset: BigInt(NOTE_AT), address: 0n, size: 20n, memorySize: 20n });
  if (entry !== null) {
    view.setUint32(NOTE_AT, 4, true);
    view.setUint32(NOTE_AT + 4, 4, true);
    view.setUint32(NOTE_AT + 8, 18, true);
    file.set([0x58, 0x65, 0x6e, 0], NOTE_AT + 12);
    view.setUint32(NOTE_AT + 16, entry, true);
  }
  return file;
}

interface Segment {
  readonly offset: bigint;
  readonly address: bigint;
  readonly size: bigint;
  readonly memorySize: bigint;
}

function programHeader(view: DataView, at: number, type: number, segment: Segment): void {
  view.setUint32(at, type, true);
  view.setBigUint64(at + 8, segment.offset, true);
  view.setBigUint64(at + 24, segment.address, true);
  view.setBigUint64(at + 32, segment.size, true);
  view.setBigUint64(at + 40, segment.memorySize, true);
}
