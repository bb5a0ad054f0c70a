/** Accesses of the suite as a list of the oplist guest, and what it made of them. */
import {
  LAYOUT,
  type MemoryWidth,
  mmioRead,
  mmioWrite,
  type Op,
  type PortWidth,
  pioRead,
  pioWrite,
  readOpResult,
  stringIn,
  stringOut,
  writeOplist,
} from '../../guests/index.js';
import type { Access, AccessResult, GuestAccess, StringAccess } from './accesses.js';

/** Each vCPU has this much guest memory for its list, and for the buffers of string operations behind it. */
const AREA_BYTES = 0x4_0000;
const BUFFERS = 0x3_0000;
const FIRST_AREA = 0x2_0000;
const MAX_OPS = BUFFERS / LAYOUT.OP_SIZE - 1;

export class GuestList {
  /** Guest-physical address of the list. */
  readonly gpa: number;
  readonly #memory: Uint8Array;
  readonly #accesses: readonly GuestAccess[];
  /** By access; 0 where there is none. */
  readonly #buffers: readonly number[];

  /** Writes the list of vCPU `vcpu`. */
  constructor(memory: Uint8Array, vcpu: number, accesses: readonly GuestAccess[]) {
    if (accesses.length > MAX_OPS) throw new RangeError(`${accesses.length} accesses, at most ${MAX_OPS} fit`);
    this.gpa = FIRST_AREA + vcpu * AREA_BYTES;
    this.#memory = memory;
    this.#accesses = accesses;
    this.#buffers = this.#placeBuffers();
    writeOplist(
      memory,
      this.gpa,
      accesses.map((access, index) => toOp(access, this.#buffers[index]!)),
    );
  }

  results(): AccessResult[] {
    return this.#accesses.map((access, index) => this.#result(access, index));
  }

  #placeBuffers(): number[] {
    let at = this.gpa + BUFFERS;
    return this.#accesses.map((access) => {
      if (!('port' in access)) return 0;
      const here = at;
      at += access.elements.length * access.size;
      if (access.kind === 'string-out') this.#writeElements(here, access);
      return here;
    });
  }

  #writeElements(gpa: number, { size, elements }: StringAccess): void {
    for (const [index, element] of elements.entries()) {
      for (let byte = 0; byte < size; byte++) {
        this.#memory[gpa + index * size + byte] = Number((element >> BigInt(8 * byte)) & 0xffn);
      }
    }
  }

  #readElement(at: number, size: number): bigint {
    let value = 0n;
    for (let byte = size - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(this.#memory[at + byte]!);
    return value;
  }

  #result(access: GuestAccess, index: number): AccessResult {
    if (access.kind === 'string-in') {
      const { size } = access;
      const elements = access.elements.map((_, element) =>
        this.#readElement(this.#buffers[index]! + element * size, size),
      );
      return { value: 0n, sum: 0n, elements };
    }
    const { value, sum } = readOpResult(this.#memory, this.gpa, index);
    return access.kind === 'read' ? { value, sum, elements: [] } : { value: 0n, sum: 0n, elements: [] };
  }
}

function toOp(access: GuestAccess, buffer: number): Op {
  return 'port' in access ? toStringOp(access, buffer) : toAccessOp(access);
}

function toStringOp({ kind, port, size, elements }: StringAccess, buffer: number): Op {
  const make = kind === 'string-in' ? stringIn : stringOut;
  return make(port, size as PortWidth, buffer, elements.length);
}

function toAccessOp({ kind, space, address, size, value, count, step }: Access): Op {
  const repeat = { count, valueStep: Number(step) };
  if (space === 'mmio') {
    const width = size as MemoryWidth;
    return kind === 'read' ? mmioRead(address, width, { count }) : mmioWrite(address, width, value, repeat);
  }
  const width = size as PortWidth;
  return kind === 'read' ? pioRead(address, width, { count }) : pioWrite(address, width, value, repeat);
}
