/** One range of guest memory whose accesses go through a hook. */
import type { GuestAccess, QueueRegion } from '../../virtio/index.js';
import type { MemoryHook } from './memory-hook.js';

export class HookedAccess implements GuestAccess {
  readonly halves: Uint16Array;
  readonly words: Uint32Array;
  readonly #region: QueueRegion;
  readonly #bytes: Uint8Array;
  readonly #gpa: number;
  readonly #hook: MemoryHook;

  constructor(region: QueueRegion, offset: number, length: number, hook: MemoryHook) {
    const { buffer } = region.mapping;
    this.#region = region;
    this.#bytes = new Uint8Array(buffer, offset, length);
    this.#gpa = region.gpa + offset;
    this.#hook = hook;
    this.halves = hooked(new Uint16Array(buffer, offset, Math.floor(length / 2)), this.#gpa, hook);
    const words = offset % 4 === 0 ? new Uint32Array(buffer, offset, Math.floor(length / 4)) : new Uint32Array(0);
    this.words = hooked(words, this.#gpa, hook);
  }

  get usable(): boolean {
    return !this.#region.mapping.closed;
  }

  acquire16(index: number): number {
    return this.halves[index]!;
  }

  acquire32(index: number): number {
    return this.words[index]!;
  }

  publish16(index: number, value: number): void {
    this.halves[index] = value;
  }

  publish32(index: number, value: number): void {
    this.words[index] = value;
  }

  copyTo(offset: number, length: number, target: Uint8Array, at: number): void {
    target.set(this.#bytes.subarray(offset, offset + length), at);
    this.#hook.copyOut?.(this.#gpa + offset, target.subarray(at, at + length));
  }

  copyFrom(offset: number, length: number, source: Uint8Array, at: number): void {
    this.#hook.copyIn?.(this.#gpa + offset, length);
    this.#bytes.set(source.subarray(at, at + length), offset);
  }

  fill(offset: number, length: number, value: number): void {
    this.#hook.copyIn?.(this.#gpa + offset, length);
    this.#bytes.fill(value, offset, offset + length);
  }
}

/** The same elements, each load and store reported; parts of it made by `subarray` too. */
function hooked<Elements extends Uint16Array | Uint32Array>(
  elements: Elements,
  gpa: number,
  hook: MemoryHook,
): Elements {
  const size = elements.BYTES_PER_ELEMENT;
  const subarray = (from = 0, to?: number) => hooked(elements.subarray(from, to), gpa + size * from, hook);
  return new Proxy(elements, {
    get(target, property) {
      if (property === 'subarray') return subarray;
      const index = typeof property === 'string' ? Number(property) : Number.NaN;
      if (!Number.isInteger(index)) return Reflect.get(target, property, target);
      const value = target[index];
      if (value === undefined || hook.load === undefined) return value;
      return hook.load(gpa + size * index, size, value) >>> 0;
    },
    set(target, property, value: number) {
      const index = Number(property);
      if (index < target.length) hook.store?.(gpa + size * index, size);
      target[index] = value;
      return true;
    },
  });
}
