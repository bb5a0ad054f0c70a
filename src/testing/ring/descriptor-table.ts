/** Descriptors as a driver writes them: each field of each of them, right or wrong. */
import type { GuestMemory } from '../../memory/index.js';
import { DESCRIPTOR_SIZE, Descriptor, PackedDescriptor, SplitDescriptor } from '../../virtio/index.js';
import type { RingFormat } from './ring-place.js';

/** `next` is for split rings, `id` for packed ones. Values wider than their field lose their upper bits. */
export interface DescriptorFields {
  readonly address?: number | bigint;
  /** In bytes. */
  readonly length?: number;
  readonly flags?: number;
  readonly next?: number;
  readonly id?: number;
}

/** The descriptors of a ring, or of an indirect table. */
export class DescriptorTable {
  readonly #memory: GuestMemory;
  readonly #gpa: number;
  readonly #at: { readonly flags: number; readonly link: number };

  constructor(format: RingFormat, memory: GuestMemory, gpa: number) {
    this.#memory = memory;
    this.#gpa = gpa;
    this.#at =
      format === 'split'
        ? { flags: SplitDescriptor.flags, link: SplitDescriptor.next }
        : { flags: PackedDescriptor.flags, link: PackedDescriptor.id };
  }

  /** Writes the fields that are there, the flags last. */
  set(index: number, { address, length, flags, next, id }: DescriptorFields): void {
    const at = this.#gpa + DESCRIPTOR_SIZE * index;
    const link = next ?? id;
    if (address !== undefined) this.#memory.writeU64(at + Descriptor.addr, BigInt(address));
    if (length !== undefined) this.#memory.writeU32(at + Descriptor.len, length);
    if (link !== undefined) this.#memory.writeU16(at + this.#at.link, link);
    if (flags !== undefined) this.#memory.writeU16(at + this.#at.flags, flags);
  }

  /** `next` and `id` are the same field by two names. */
  get(index: number): Required<DescriptorFields> & { readonly address: bigint } {
    const at = this.#gpa + DESCRIPTOR_SIZE * index;
    const link = this.#memory.readU16(at + this.#at.link);
    return {
      address: this.#memory.readU64(at + Descriptor.addr),
      length: this.#memory.readU32(at + Descriptor.len),
      flags: this.#memory.readU16(at + this.#at.flags),
      next: link,
      id: link,
    };
  }
}
