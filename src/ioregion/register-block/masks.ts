/** Which bits of a register do what: its access and bit fields, turned into masks once. */
import type { BitField, RegisterAccess, RegisterSpec } from './table.js';

/** One mask per behaviour, as wide as the register. Bits in none of them are reserved. */
export interface AccessMasks {
  readonly readable: bigint;
  readonly writable: bigint;
  readonly clearedByWrite: bigint;
  readonly clearedByRead: bigint;
}

type Behaviour = keyof AccessMasks;

const BEHAVIOURS: Readonly<Record<RegisterAccess, readonly Behaviour[]>> = {
  ro: ['readable'],
  rw: ['readable', 'writable'],
  wo: ['writable'],
  w1c: ['readable', 'clearedByWrite'],
  rc: ['readable', 'clearedByRead'],
};

export function isRegisterAccess(access: string): access is RegisterAccess {
  return Object.hasOwn(BEHAVIOURS, access);
}

const ONES: Readonly<Record<number, bigint>> = { 1: 0xffn, 2: 0xffffn, 4: 0xffff_ffffn, 8: 0xffff_ffff_ffff_ffffn };

/** All ones, `bytes` wide. */
export function ones(bytes: number): bigint {
  return ONES[bytes] ?? (1n << BigInt(8 * bytes)) - 1n;
}

export function fieldMask(field: BitField): bigint {
  return ((1n << BigInt(field.width ?? 1)) - 1n) << BigInt(field.bit);
}

/** A register without fields is one unnamed field of all bits. */
export function accessMasks(spec: RegisterSpec): AccessMasks {
  const masks = { readable: 0n, writable: 0n, clearedByWrite: 0n, clearedByRead: 0n };
  const add = (access: RegisterAccess, mask: bigint): void => {
    for (const behaviour of BEHAVIOURS[access]) masks[behaviour] |= mask;
  };
  if (spec.bits === undefined) add(spec.access, ones(spec.width));
  else for (const field of spec.bits) add(field.access ?? spec.access, fieldMask(field));
  return masks;
}

/** Every bit that is not reserved. */
export function implementedMask(masks: AccessMasks): bigint {
  return masks.readable | masks.writable;
}
