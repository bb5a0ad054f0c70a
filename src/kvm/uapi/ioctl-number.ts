/** How Linux packs an ioctl number on x86: direction (2 bits), size of the argument (14), type (8), number (8). */
const NONE = 0;
const WRITE = 1;
const READ = 2;

const TYPE_KVM = 0xae;

const number = (direction: number, nr: number, size: number): number =>
  ((direction << 30) | (size << 16) | (TYPE_KVM << 8) | nr) >>> 0;

/** `_IO(KVMIO, nr)`: the argument is an integer, or none. */
export const io = (nr: number): number => number(NONE, nr, 0);
/** `_IOR(KVMIO, nr, size)`: the kernel fills a structure of `size` bytes. */
export const ior = (nr: number, size: number): number => number(READ, nr, size);
/** `_IOW(KVMIO, nr, size)`: the kernel reads a structure of `size` bytes. */
export const iow = (nr: number, size: number): number => number(WRITE, nr, size);
/** `_IOWR(KVMIO, nr, size)`. */
export const iowr = (nr: number, size: number): number => number(READ | WRITE, nr, size);
