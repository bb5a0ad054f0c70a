/** Instructions for tiny guests in flat 32-bit protected mode (and, where said, real mode), as bytes. */
import { type BootableVcpu, enterProtectedMode } from 'ioregion/kvm';
import { TINY_GUEST_CODE } from './tiny-guest.js';

/** The port write that ends a tiny guest. */
export const EXIT_PORT = 0xf4;

const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const OPERAND_16 = 0x66;

export const movEax = (value: number): number[] => [0xb8, ...le32(value)];
export const movEcx = (value: number): number[] => [0xb9, ...le32(value)];
export const loadEax = (address: number): number[] => [0xa1, ...le32(address)];
/** OUT of AL to a port below 256; in real mode too. */
export const outAl = (port: number): number[] => [0xe6, port];
/** IN of AL; in real mode too. */
export const inAl = (port: number): number[] => [0xe4, port];
export const halt = [0xf4];
/** The end of every tiny guest. */
export const exit = outAl(EXIT_PORT);

/** A write of the lowest `width` bytes of EAX (of MM0 for 8 bytes) to memory. */
export function store(width: 1 | 2 | 4 | 8, address: number): number[] {
  const opcodes = { 1: [0xa2], 2: [OPERAND_16, 0xa3], 4: [0xa3], 8: [0x0f, 0x7f, 0x05] };
  return [...opcodes[width], ...le32(address)];
}

/** MM0 from memory. */
export const loadMm0 = (address: number): number[] => [0x0f, 0x6f, 0x05, ...le32(address)];

/** A write of the lowest `width` bytes of EAX to any port. */
export function out(width: 1 | 2 | 4, port: number): number[] {
  const movDx = [OPERAND_16, 0xba, port & 0xff, port >> 8];
  const opcodes = { 1: [0xee], 2: [OPERAND_16, 0xef], 4: [0xef] };
  return [...movDx, ...opcodes[width]];
}

/** Starts a tiny guest in the mode of these instructions. */
export function protectedMode(vcpu: BootableVcpu): void {
  enterProtectedMode(vcpu, { entry: TINY_GUEST_CODE, stack: 0x8000 });
}
