/** Everything a kernel finds in memory when it starts: itself, its initrd, its command line, and what says where they are. */
import type { GuestMemory } from '../../memory/index.js';
import { GuestMemoryTooSmallError, KernelFormatError, MachineOptionError } from '../errors.js';
import { COMMAND_LINE_ROOM, LowMemory, type Range } from '../layout.js';
import { type BootFile, partOf } from './boot-file.js';
import { bootParams } from './boot-params.js';
import { isBzImage, loadBzImage } from './bzimage.js';
import { isElf, loadElf } from './elf.js';
import type { LoadedKernel } from './loaded-kernel.js';
import { lowMemoryEnd, memoryMap } from './memory-map.js';
import { startInfo } from './start-info.js';

const PAGE = 4096;
/** Enough to know a kernel by. */
const HEAD_BYTES = 4096;

export interface BootFiles {
  /** A bzImage or an ELF vmlinux. */
  readonly kernel: BootFile;
  readonly initrd: BootFile | null;
  readonly commandLine: string;
  /** Guest-physical address of the RSDP; null without ACPI. */
  readonly rsdp: number | null;
}

/**
 * Writes all of it into zeroed guest memory of `memoryBytes` from address 0 around the hole.
 * @throws KernelFormatError, GuestMemoryTooSmallError, MachineOptionError, MachineFileError
 */
export function loadBootFiles(memory: GuestMemory, memoryBytes: number, files: BootFiles): LoadedKernel {
  const low = lowMemoryEnd(memoryBytes);
  const loaded = loadKernel(files.kernel, memory, low);
  const initrd = files.initrd === null ? null : loadInitrd(files.initrd, memory, low, loaded);
  memory.load(LowMemory.commandLine, encodeCommandLine(files.commandLine, loaded.commandLineLimit));
  const told = { initrd, memoryMap: memoryMap(memoryBytes), rsdp: files.rsdp };
  if (loaded.setupHeader === null) memory.load(LowMemory.startInfo, startInfo(told));
  else memory.load(LowMemory.bootParams, bootParams({ ...told, setupHeader: loaded.setupHeader }));
  return loaded;
}

function loadKernel(kernel: BootFile, memory: GuestMemory, low: number): LoadedKernel {
  const head = partOf(kernel, 0, HEAD_BYTES);
  if (isBzImage(head)) return loadBzImage(kernel, head, memory, low);
  if (isElf(head)) return loadElf(kernel, head, memory, low);
  throw new KernelFormatError(`it is neither a bzImage nor an ELF file${guess(head)}`);
}

function guess(head: Uint8Array): string {
  if (head[0] === 0x1f && head[1] === 0x8b) return ' but gzip data: unpack it first';
  if (head.length === 0) return ': it is empty';
  return '';
}

/** As high as it may be, out of the way of what the kernel does first. */
function loadInitrd(initrd: BootFile, memory: GuestMemory, low: number, kernel: LoadedKernel): Range {
  const top = Math.min(low, kernel.initrdLimit + 1);
  const start = Math.floor((top - initrd.length) / PAGE) * PAGE;
  if (start < kernel.occupied.end) {
    throw new GuestMemoryTooSmallError('kernel and initrd', kernel.occupied.end + initrd.length + PAGE, top);
  }
  initrd.load(0, initrd.length, memory, start);
  return { start, end: start + initrd.length };
}

/** With its final zero. */
function encodeCommandLine(commandLine: string, kernelLimit: number): Uint8Array {
  const limit = Math.min(kernelLimit, COMMAND_LINE_ROOM - 1);
  const bytes = new TextEncoder().encode(`${commandLine}\0`);
  if (bytes.indexOf(0) !== bytes.length - 1) throw new MachineOptionError('the command line contains a zero character');
  if (bytes.length - 1 > limit) {
    throw new MachineOptionError(`the command line has ${bytes.length - 1} bytes, the kernel takes ${limit}`);
  }
  return bytes;
}
