/** ELF vmlinux with a PVH entry note: what the loader needs of both, checked as hostile input. Little-endian, 64-bit. */
import type { GuestMemory } from '../../memory/index.js';
import { GuestMemoryTooSmallError, KernelFormatError } from '../errors.js';
import { LowMemory } from '../layout.js';
import { type BootFile, partOf } from './boot-file.js';
import type { LoadedKernel } from './loaded-kernel.js';
import { findPvhEntry } from './pvh-note.js';

const MAGIC = 0x464c_457f;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const MACHINE_X86_64 = 62;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const MAX_PROGRAM_HEADERS = 256;

const Header = { magic: 0, class: 4, data: 5, machine: 18, phoff: 32, phentsize: 54, phnum: 56 } as const;
const ProgramHeader = { type: 0, offset: 8, paddr: 24, filesz: 32, memsz: 40 } as const;
const SegmentType = { load: 1, note: 4 } as const;

/** Any initrd below the hole will do. */
const INITRD_LIMIT = 2 ** 32 - 1;
/** What Linux's COMMAND_LINE_SIZE is on x86. */
const COMMAND_LINE_LIMIT = 2047;

interface Segment {
  readonly type: number;
  /** Guest-physical address. */
  readonly address: number;
  /** The part of the file, in bytes; inside it. */
  readonly offset: number;
  readonly length: number;
  /** Bytes in memory, at least those of the file. */
  readonly size: number;
}

export function isElf(head: Uint8Array): boolean {
  return head.length >= 4 && viewOf(head).getUint32(Header.magic, true) === MAGIC;
}

/**
 * `head` is the start of the file, `lowMemory` the end of memory below the hole.
 * @throws KernelFormatError, GuestMemoryTooSmallError, MachineFileError
 */
export function loadElf(file: BootFile, head: Uint8Array, memory: GuestMemory, lowMemory: number): LoadedKernel {
  const segments = readSegments(file, head);
  const notes = segments.filter(({ type }) => type === SegmentType.note);
  const entry = findPvhEntry(notes.map(({ offset, length }) => partOf(file, offset, length)));
  if (entry === null) {
    throw new KernelFormatError('this ELF file has no PVH entry note: build it with CONFIG_PVH, or use the bzImage');
  }
  const loaded = segments.filter(({ type, size }) => type === SegmentType.load && size > 0);
  const occupied = rangeOf(loaded);
  if (entry < occupied.start || entry >= occupied.end) throw new KernelFormatError('its PVH entry is outside of it');
  if (occupied.start < LowMemory.acpiEnd) throw new KernelFormatError('it is to be loaded below 1 MiB');
  if (occupied.end > lowMemory) throw new GuestMemoryTooSmallError('the kernel', occupied.end, lowMemory);
  for (const { address, offset, length } of loaded) file.load(offset, length, memory, address);
  return {
    protocol: 'pvh',
    entry,
    occupied,
    initrdLimit: INITRD_LIMIT,
    commandLineLimit: COMMAND_LINE_LIMIT,
    setupHeader: null,
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The segments of a file that is what it says. @throws KernelFormatError, MachineFileError */
function readSegments(file: BootFile, head: Uint8Array): Segment[] {
  const view = viewOf(head);
  if (head.length < HEADER_BYTES) throw new KernelFormatError('the ELF file is truncated');
  const is64 = view.getUint8(Header.class) === CLASS_64 && view.getUint8(Header.data) === LITTLE_ENDIAN;
  if (!is64 || view.getUint16(Header.machine, true) !== MACHINE_X86_64) {
    throw new KernelFormatError('this ELF file is not for x86-64');
  }
  const count = view.getUint16(Header.phnum, true);
  const start = Number(view.getBigUint64(Header.phoff, true));
  const isWrong = view.getUint16(Header.phentsize, true) !== PROGRAM_HEADER_BYTES || count > MAX_PROGRAM_HEADERS;
  if (isWrong || start + count * PROGRAM_HEADER_BYTES > file.length) {
    throw new KernelFormatError('the program headers of this ELF file are damaged, or it is truncated');
  }
  const headers = viewOf(partOf(file, start, count * PROGRAM_HEADER_BYTES));
  return Array.from({ length: count }, (_, index) => readSegment(file.length, headers, index * PROGRAM_HEADER_BYTES));
}

function readSegment(fileLength: number, view: DataView, at: number): Segment {
  const field = (offset: number): number => Number(view.getBigUint64(at + offset, true));
  const offset = field(ProgramHeader.offset);
  const length = field(ProgramHeader.filesz);
  const type = view.getUint32(at + ProgramHeader.type, true);
  const isUsed = type === SegmentType.load || type === SegmentType.note;
  if (isUsed && offset + length > fileLength) throw new KernelFormatError('the ELF file is truncated');
  const size = field(ProgramHeader.memsz);
  if (type === SegmentType.load && size < length) throw new KernelFormatError('a segment is larger than its memory');
  return { type, address: field(ProgramHeader.paddr), offset, length, size };
}

/** From the first byte of all of them to the last. */
function rangeOf(segments: readonly Segment[]): { readonly start: number; readonly end: number } {
  if (segments.length === 0) throw new KernelFormatError('this ELF file has nothing to load');
  const start = Math.min(...segments.map(({ address }) => address));
  return { start, end: Math.max(...segments.map(({ address, size }) => address + size)) };
}
