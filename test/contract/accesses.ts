/** The accesses that a guest of the contract suite is asked to make, and what it got. */

export type Space = 'mmio' | 'pio';

/** One instruction's access, performed `count` times at the same address. MMIO may cross a page, as a guest's may. */
export interface Access {
  readonly kind: 'read' | 'write';
  readonly space: Space;
  readonly address: number;
  /** Bytes: 1, 2, 4, and in MMIO 8. */
  readonly size: number;
  /** Of the first write; each further one adds `step`. */
  readonly value: bigint;
  readonly count: number;
  readonly step: bigint;
}

/** REP INS or REP OUTS. */
export interface StringAccess {
  readonly kind: 'string-in' | 'string-out';
  readonly port: number;
  readonly size: number;
  /** What REP OUTS writes; as many elements as REP INS reads. */
  readonly elements: readonly bigint[];
}

export type GuestAccess = Access | StringAccess;

export interface AccessResult {
  /** The last value read; 0 for a write. */
  readonly value: bigint;
  /** Of all values read, modulo 2^64. */
  readonly sum: bigint;
  /** What REP INS read. */
  readonly elements: readonly bigint[];
}

export function read(space: Space, address: number, size: number, count = 1): Access {
  return { kind: 'read', space, address, size, count, value: 0n, step: 0n };
}

export function write(
  space: Space,
  address: number,
  size: number,
  value: bigint | number,
  { count = 1, step = 0n }: { count?: number; step?: bigint } = {},
): Access {
  return { kind: 'write', space, address, size, count, value: BigInt(value), step };
}

export function stringIn(port: number, size: number, count: number): StringAccess {
  return { kind: 'string-in', port, size, elements: Array<bigint>(count).fill(0n) };
}

export function stringOut(port: number, size: number, elements: readonly bigint[]): StringAccess {
  return { kind: 'string-out', port, size, elements };
}

/** What a bus without a device returns. */
export function allOnes(size: number): bigint {
  return (1n << BigInt(8 * size)) - 1n;
}
