/** Guests as kernels: ELF files with a PVH entry, for `ioregion run --kernel`, QEMU, and others that boot those. */
import { readFile } from 'node:fs/promises';
import { installGuest } from './boot.js';
import { buildKernelEntry } from './build.js';
import { LAYOUT } from './layout.js';
import { loadGuest } from './load.js';
import type { GuestMode, GuestName } from './modes.js';

export interface KernelOptions {
  readonly name: GuestName;
  /** `real` and `long-user` need a host that sets segments. */
  readonly mode: Exclude<GuestMode, 'real' | 'long-user'>;
  /** Puts parameter blocks into guest memory, which starts at address 0. */
  readonly prepare: (memory: Uint8Array) => void;
  /** Address of the parameter block of the first vCPU. */
  readonly parameters: number;
}

/** Words of guests/kernel/entry.S. */
const EntryWord = { imageBytes: 4, parameters: 8, isLong: 12 } as const;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const NOTE_BYTES = 20;
const SEGMENTS = 2;
const X86_64 = 62;
const PT_LOAD = 1;
const PT_NOTE = 4;
const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const DATA_AT = 0x1000;
/** Of segments: QEMU divides by it. */
const ALIGNMENT = 4n;

/** The bytes of the file. */
export async function guestKernel({ name, mode, prepare, parameters }: KernelOptions): Promise<Uint8Array> {
  const memory = new Uint8Array(LAYOUT.GUEST_KERNEL_IMAGE_LIMIT);
  installGuest(memory, await loadGuest(name, mode));
  prepare(memory);
  const image = memory.subarray(LAYOUT.GUEST_LOAD);
  const entry = new Uint8Array(await readFile(await buildKernelEntry()));
  const header = new DataView(entry.buffer);
  header.setUint32(EntryWord.imageBytes, image.length, true);
  header.setUint32(EntryWord.parameters, parameters, true);
  header.setUint32(EntryWord.isLong, mode === 'long' ? 1 : 0, true);
  return elfFile(entry, image);
}

/** One segment: the entry, and the image behind it at GUEST_KERNEL_IMAGE. */
function elfFile(entry: Uint8Array, image: Uint8Array): Uint8Array {
  const imageAt = LAYOUT.GUEST_KERNEL_IMAGE - LAYOUT.GUEST_KERNEL_LOAD;
  const file = new Uint8Array(DATA_AT + imageAt + image.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(LAYOUT.GUEST_KERNEL_LOAD), true);
  view.setBigUint64(32, BigInt(ELF_HEADER), true);
  view.setUint16(52, ELF_HEADER, true);
  view.setUint16(54, PROGRAM_HEADER, true);
  view.setUint16(56, SEGMENTS, true);
  const noteAt = ELF_HEADER + SEGMENTS * PROGRAM_HEADER;
  segment(view, 0, { type: PT_LOAD, offset: DATA_AT, address: LAYOUT.GUEST_KERNEL_LOAD, bytes: file.length - DATA_AT });
  segment(view, 1, { type: PT_NOTE, offset: noteAt, address: 0, bytes: NOTE_BYTES });
  writeNote(view, noteAt);
  file.set(entry, DATA_AT);
  file.set(image, DATA_AT + imageAt);
  return file;
}

interface SegmentFields {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

function segment(view: DataView, index: number, { type, offset, address, bytes }: SegmentFields): void {
  const at = ELF_HEADER + index * PROGRAM_HEADER;
  view.setUint32(at, type, true);
  view.setUint32(at + 4, 7, true);
  view.setBigUint64(at + 8, BigInt(offset), true);
  view.setBigUint64(at + 16, BigInt(address), true);
  view.setBigUint64(at + 24, BigInt(address), true);
  view.setBigUint64(at + 32, BigInt(bytes), true);
  view.setBigUint64(at + 40, BigInt(bytes), true);
  view.setBigUint64(at + 48, ALIGNMENT, true);
}

/** Name "Xen", and the physical address of the 32-bit entry. */
function writeNote(view: DataView, at: number): void {
  const words = [4, 4, XEN_ELFNOTE_PHYS32_ENTRY, 0x006e_6558, LAYOUT.GUEST_KERNEL_LOAD];
  for (const [index, word] of words.entries()) view.setUint32(at + 4 * index, word, true);
}
