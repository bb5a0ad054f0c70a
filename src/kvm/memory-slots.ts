import { native } from '../native/binding.js';
import { type Mapping, PAGE_SIZE } from '../native/mapping.js';
import type { Word64 } from './address.js';
import { checkExtension } from './capability.js';
import { KvmSlotError } from './errors.js';
import { type Descriptor, named } from './ioctl.js';
import { MemoryFlag } from './uapi/vm-structs.js';

const PAGES_PER_WORD = 64;

/** Guest memory behind a slot: `size` bytes of a mapping. A region of GuestMemory is one. */
export interface SlotMemory {
  readonly gpa: Word64;
  /** Bytes, a multiple of 4096. */
  readonly size: number;
  readonly mapping: Mapping;
  /** Bytes into the mapping. Default 0. */
  readonly offset?: number;
  /** Guest writes leave as KVM_EXIT_MMIO. Default false. */
  readonly readonly?: boolean;
}

export interface SlotOptions {
  /** Number of the slot; by default the lowest free one. */
  readonly slot?: number;
  /** Record which pages the guest writes. */
  readonly logDirty?: boolean;
}

/** A slot in use. */
export interface MemorySlot extends Required<SlotMemory> {
  readonly slot: number;
  readonly gpa: bigint;
  readonly logDirty: boolean;
}

const flagsOf = ({ readonly, logDirty }: MemorySlot): number =>
  (readonly ? MemoryFlag.readonly : 0) | (logDirty ? MemoryFlag.logDirtyPages : 0);

/** The memory slots of a VM. A mapping that is in a slot cannot be unmapped. */
export class MemorySlots {
  readonly #vm: Descriptor;
  readonly #slots = new Map<number, MemorySlot>();

  constructor(vm: Descriptor) {
    this.#vm = vm;
  }

  /** How many slots this host allows; numbers are below it. */
  get limit(): number {
    return checkExtension(this.#vm, 'KVM_CAP_NR_MEMSLOTS');
  }

  /** The slots in use, by number. */
  get slots(): readonly MemorySlot[] {
    return [...this.#slots.values()].sort((a, b) => a.slot - b.slot);
  }

  /**
   * Puts memory into a free slot and returns its number.
   *
   * @throws KvmIoctlError EEXIST (overlap), EINVAL (alignment, number); KvmSlotError where the slot is in use or none is free
   */
  add(memory: SlotMemory, options: SlotOptions = {}): number {
    const { gpa, size, mapping, offset = 0, readonly = false } = memory;
    const { slot = this.#freeSlot(), logDirty = false } = options;
    if (this.#slots.has(slot)) throw new KvmSlotError(slot, 'is in use');
    this.#apply({ gpa: BigInt(gpa), size, mapping, offset, readonly, slot, logDirty });
    return slot;
  }

  /** Puts each region of guest memory into a slot; none stays where one is refused. Returns their numbers. */
  addAll(memory: { readonly regions: readonly SlotMemory[] }, options: Omit<SlotOptions, 'slot'> = {}): number[] {
    const added: number[] = [];
    try {
      for (const region of memory.regions) added.push(this.add(region, options));
    } catch (error) {
      for (const slot of added) this.remove(slot);
      throw error;
    }
    return added;
  }

  /** Moves a slot to another address, or turns its dirty log on or off. */
  update(slot: number, changes: { readonly gpa?: Word64; readonly logDirty?: boolean }): void {
    const current = this.#inUse(slot);
    const { gpa = current.gpa, logDirty = current.logDirty } = changes;
    this.#apply({ ...current, gpa: BigInt(gpa), logDirty });
  }

  /** Takes the memory away: guest accesses leave as KVM_EXIT_MMIO from now on. */
  remove(slot: number): void {
    const { gpa } = this.#inUse(slot);
    named('KVM_SET_USER_MEMORY_REGION', () => native.setMemoryRegion(this.#vm.number, slot, 0, gpa, 0, null, 0));
    this.#slots.delete(slot);
  }

  /**
   * The pages written since the last call, one bit each, lowest first; the kernel clears its own record.
   *
   * @throws KvmIoctlError ENOENT where the slot has no dirty log
   */
  dirtyBitmap(slot: number): Uint8Array {
    const pages = this.#inUse(slot).size / PAGE_SIZE;
    const bitmap = new Uint8Array((Math.ceil(pages / PAGES_PER_WORD) * PAGES_PER_WORD) / 8);
    named('KVM_GET_DIRTY_LOG', () => native.dirtyLog(this.#vm.number, slot, pages, bitmap));
    return bitmap;
  }

  /** Removes every slot, so that the mappings can be unmapped. */
  clear(): void {
    for (const slot of [...this.#slots.keys()]) this.remove(slot);
  }

  #apply(slot: MemorySlot): void {
    const { gpa, size, mapping, offset } = slot;
    named('KVM_SET_USER_MEMORY_REGION', () =>
      native.setMemoryRegion(this.#vm.number, slot.slot, flagsOf(slot), gpa, size, mapping.object, offset),
    );
    this.#slots.set(slot.slot, slot);
  }

  #inUse(slot: number): MemorySlot {
    const found = this.#slots.get(slot);
    if (found === undefined) throw new KvmSlotError(slot, 'is not in use');
    return found;
  }

  #freeSlot(): number {
    const { limit } = this;
    for (let slot = 0; slot < limit; slot++) if (!this.#slots.has(slot)) return slot;
    throw new KvmSlotError(limit, 'is above the last one of this host');
  }
}

/** Numbers of the pages whose bit is set, in order. */
export function* dirtyPages(bitmap: Uint8Array): Generator<number> {
  for (const [index, byte] of bitmap.entries()) {
    for (let bit = 0; byte >> bit !== 0; bit++) if ((byte >> bit) & 1) yield index * 8 + bit;
  }
}
