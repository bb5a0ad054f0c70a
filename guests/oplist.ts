/** Operations of the oplist guest: builders, and their places in guest memory. */
import { LAYOUT } from './layout.js';

/** Of memory accesses; one of 16 bytes reaches the host as two of 8. String copies of 8 bytes need long mode. */
export type MemoryWidth = 1 | 2 | 4 | 8 | 16;
export type PortWidth = 1 | 2 | 4;

/** One operation; fields left out are zero. The builders below make them. */
export interface Op {
  readonly code: number;
  readonly width?: number;
  /** Times to perform it, or elements of a string operation. */
  readonly count: number;
  /** Added after each time. */
  readonly addressStep?: number;
  readonly valueStep?: number;
  readonly address?: bigint;
  readonly value?: bigint;
  /** Upper half of a value of 16 bytes. */
  readonly valueHigh?: bigint;
}

/** Performs an access several times: defaults are once, without steps. */
export interface Repeat {
  readonly count?: number;
  readonly addressStep?: number;
}
export interface RepeatWrite extends Repeat {
  readonly valueStep?: number;
}

export interface OpResult {
  /** The last value read; `high` is its upper half where it has 16 bytes. */
  readonly value: bigint;
  readonly high: bigint;
  /** Sum of the low 8 bytes of all values read, modulo 2^64. */
  readonly sum: bigint;
}

export function mmioRead(address: bigint | number, width: MemoryWidth, repeat: Repeat = {}): Op {
  return { code: LAYOUT.OP_MMIO_READ, count: 1, width, address: BigInt(address), ...repeat };
}

/** `value` is cut to `width`. Also stores to memory. */
export function mmioWrite(
  address: bigint | number,
  width: MemoryWidth,
  value: bigint | number,
  repeat: RepeatWrite = {},
): Op {
  const all = BigInt(value);
  return {
    code: LAYOUT.OP_MMIO_WRITE,
    count: 1,
    width,
    address: BigInt(address),
    value: BigInt.asUintN(64, all),
    valueHigh: BigInt.asUintN(64, all >> 64n),
    ...repeat,
  };
}

export function pioRead(port: number, width: PortWidth, repeat: Repeat = {}): Op {
  return { code: LAYOUT.OP_PIO_READ, count: 1, width, address: BigInt(port), ...repeat };
}

export function pioWrite(port: number, width: PortWidth, value: bigint | number, repeat: RepeatWrite = {}): Op {
  return { code: LAYOUT.OP_PIO_WRITE, count: 1, width, address: BigInt(port), value: BigInt(value), ...repeat };
}

/** REP INS: `count` elements from `port` to memory at `buffer`. */
export function stringIn(port: number, width: PortWidth, buffer: number, count: number): Op {
  return { code: LAYOUT.OP_STRING_IN, count, width, address: BigInt(port), value: BigInt(buffer) };
}

/** REP OUTS: `count` elements from memory at `buffer` to `port`. */
export function stringOut(port: number, width: PortWidth, buffer: number, count: number): Op {
  return { code: LAYOUT.OP_STRING_OUT, count, width, address: BigInt(port), value: BigInt(buffer) };
}

/** REP MOVS: either address may be memory or MMIO. */
export function stringCopy(to: bigint | number, from: bigint | number, width: PortWidth | 8, count: number): Op {
  return { code: LAYOUT.OP_STRING_COPY, count, width, address: BigInt(to), value: BigInt(from) };
}

/** MFENCE. */
export function fence(): Op {
  return { code: LAYOUT.OP_FENCE, count: 1 };
}

/** Spins until the 32-bit word at `address` is `value`. */
export function waitEqual(address: bigint | number, value: number): Op {
  return { code: LAYOUT.OP_WAIT_EQUAL, count: 1, address: BigInt(address), value: BigInt(value) };
}

/** Waits until `participants` vCPUs are here. `address` is that of 8 bytes, zero at first. */
export function barrier(address: bigint | number, participants: number): Op {
  return { code: LAYOUT.OP_BARRIER, count: 1, address: BigInt(address), value: BigInt(participants) };
}

/** Adds to the 32-bit word at `address`, not atomically but under the spinlock in the word after it. */
export function lockedAdd(address: bigint | number, amount: number, repeat: Repeat = {}): Op {
  return { code: LAYOUT.OP_LOCKED_ADD, count: 1, address: BigInt(address), value: BigInt(amount), ...repeat };
}

/** Goes back to operation number `index`, `times` times, then on. */
export function loop(index: number, times: number): Op {
  return { code: LAYOUT.OP_LOOP, count: times, value: BigInt(index) };
}

/** RDTSC; the value is in the result. */
export function readTsc(): Op {
  return { code: LAYOUT.OP_READ_TSC, count: 1 };
}

/** Bytes that a list takes in memory, with its end mark. */
export function oplistBytes(ops: readonly Op[]): number {
  return (ops.length + 1) * LAYOUT.OP_SIZE;
}

/** Writes a list at `gpa` of guest memory that starts at address 0, with results cleared and an end mark. */
export function writeOplist(memory: Uint8Array, gpa: number, ops: readonly Op[]): void {
  const bytes = memory.subarray(gpa, gpa + oplistBytes(ops)).fill(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [index, op] of ops.entries()) writeOp(view, index * LAYOUT.OP_SIZE, op);
}

function writeOp(view: DataView, at: number, op: Op): void {
  view.setUint16(at + LAYOUT.OP_CODE, op.code, true);
  view.setUint16(at + LAYOUT.OP_WIDTH, op.width ?? 0, true);
  view.setUint32(at + LAYOUT.OP_COUNT, op.count, true);
  view.setUint32(at + LAYOUT.OP_ADDRESS_STEP, op.addressStep ?? 0, true);
  view.setUint32(at + LAYOUT.OP_VALUE_STEP, op.valueStep ?? 0, true);
  view.setBigUint64(at + LAYOUT.OP_ADDRESS, op.address ?? 0n, true);
  view.setBigUint64(at + LAYOUT.OP_VALUE, op.value ?? 0n, true);
  view.setBigUint64(at + LAYOUT.OP_VALUE_HIGH, op.valueHigh ?? 0n, true);
}

/** What operation number `index` of the list at `gpa` gave. */
export function readOpResult(memory: Uint8Array, gpa: number, index: number): OpResult {
  const view = new DataView(memory.buffer, memory.byteOffset + gpa + index * LAYOUT.OP_SIZE, LAYOUT.OP_SIZE);
  return {
    value: view.getBigUint64(LAYOUT.OP_RESULT, true),
    high: view.getBigUint64(LAYOUT.OP_RESULT_HIGH, true),
    sum: view.getBigUint64(LAYOUT.OP_SUM, true),
  };
}
