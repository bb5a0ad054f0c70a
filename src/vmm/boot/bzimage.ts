/** bzImage: what `make` leaves for x86 (Documentation/arch/x86/boot.rst). All fields are little-endian. */
import type { GuestMemory } from '../../memory/index.js';
import { GuestMemoryTooSmallError, KernelFormatError } from '../errors.js';
import { HIGH_MEMORY } from '../layout.js';
import type { BootFile } from './boot-file.js';
import type { LoadedKernel } from './loaded-kernel.js';

/** Offsets in the file; those of the setup header are the same in the boot parameters. */
export const SetupHeader = {
  start: 0x1f1,
  setupSectors: 0x1f1,
  bootFlag: 0x1fe,
  jump: 0x200,
  magic: 0x202,
  version: 0x206,
  loaderType: 0x210,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  commandLine: 0x228,
  initrdMax: 0x22c,
  xloadflags: 0x236,
  commandLineSize: 0x238,
  prefAddress: 0x258,
  initSize: 0x260,
  end: 0x268,
} as const;

const BOOT_FLAG = 0xaa55;
const HDRS = 0x5372_6448;
const SECTOR = 512;
/** The first version with xloadflags. */
const MIN_VERSION = 0x020c;
const XLF_KERNEL_64 = 1;
/** The 64-bit entry point is this far from where the kernel is loaded. */
const ENTRY_64 = 0x200;
const DEFAULT_SETUP_SECTORS = 4;
/** Where the header may end at most. */
const HEADER_LIMIT = 0x290;

export function isBzImage(head: Uint8Array): boolean {
  if (head.length < SetupHeader.end) return false;
  const view = viewOf(head);
  return view.getUint16(SetupHeader.bootFlag, true) === BOOT_FLAG && view.getUint32(SetupHeader.magic, true) === HDRS;
}

/**
 * `head` is the start of the file, `lowMemory` the end of memory below the hole.
 * @throws KernelFormatError, GuestMemoryTooSmallError, MachineFileError
 */
export function loadBzImage(file: BootFile, head: Uint8Array, memory: GuestMemory, lowMemory: number): LoadedKernel {
  const view = viewOf(head);
  checkProtocol(view);
  const load = Number(view.getBigUint64(SetupHeader.prefAddress, true));
  const code = kernelCode(file, view);
  const length = file.length - code;
  const end = load + Math.max(view.getUint32(SetupHeader.initSize, true), length);
  if (load < HIGH_MEMORY || load % 4096 !== 0)
    throw new KernelFormatError(`its load address is 0x${load.toString(16)}`);
  if (end > lowMemory) throw new GuestMemoryTooSmallError('the kernel', end, lowMemory);
  file.load(code, length, memory, load);
  return {
    protocol: 'linux64',
    entry: load + ENTRY_64,
    occupied: { start: load, end },
    initrdLimit: view.getUint32(SetupHeader.initrdMax, true),
    commandLineLimit: view.getUint32(SetupHeader.commandLineSize, true),
    setupHeader: head.slice(SetupHeader.start, headerEnd(view)),
  };
}

function viewOf(head: Uint8Array): DataView {
  return new DataView(head.buffer, head.byteOffset, head.byteLength);
}

function checkProtocol(view: DataView): void {
  const version = view.getUint16(SetupHeader.version, true);
  if (version < MIN_VERSION) {
    throw new KernelFormatError(`its boot protocol is ${version >> 8}.${version & 0xff}, 2.12 is the oldest supported`);
  }
  if ((view.getUint16(SetupHeader.xloadflags, true) & XLF_KERNEL_64) === 0) {
    throw new KernelFormatError('it has no 64-bit entry point');
  }
}

/** Where what follows the real-mode part begins in the file. */
function kernelCode({ length }: BootFile, view: DataView): number {
  const sectors = view.getUint8(SetupHeader.setupSectors) || DEFAULT_SETUP_SECTORS;
  const code = (sectors + 1) * SECTOR;
  if (length - code <= ENTRY_64) throw new KernelFormatError(`the file is truncated: it has ${length} bytes`);
  return code;
}

/** The byte after the jump's opcode is the distance from there to the end of the header. */
function headerEnd(view: DataView): number {
  const end = SetupHeader.magic + view.getUint8(SetupHeader.jump + 1);
  return Math.min(Math.max(end, SetupHeader.end), HEADER_LIMIT, view.byteLength);
}
