/** Guest memory as the frontend shares it: regions of files, added and removed one by one or all at once. */
import { fstatSync } from 'node:fs';
import { GuestMemory, MemoryRegion } from '../../memory/index.js';
import {
  cannotShrink,
  closeAll,
  type Disposables,
  type EventFd,
  type Fd,
  MAX_MAPPING_LENGTH,
  Mapping,
  PAGE_SIZE,
  undoOnFailure,
} from '../../native/index.js';
import { VhostUserRequestError } from '../errors.js';
import type { MemoryRegionMessage } from '../message/index.js';

/** Answered to GET_MAX_MEM_SLOTS. */
export const MAX_MEMORY_SLOTS = 256;
const ADDRESS_LIMIT = 2n ** 52n;

interface Slot {
  readonly message: MemoryRegionMessage;
  /** For more mappings of parts of it. */
  readonly file: Fd;
  /** One, or several where it is too long for one mapping. */
  readonly regions: readonly MemoryRegion[];
}

export class MemorySlots {
  readonly #shrunk: EventFd | null;
  #slots: Slot[] = [];
  #memory = GuestMemory.ofRegions([]);

  /** `shrunk`: signalled when a file turns out to have become shorter than its regions; null where none will be added. */
  constructor(shrunk: EventFd | null) {
    this.#shrunk = shrunk;
  }

  /** As the table is now; another object after each change. */
  get memory(): GuestMemory {
    return this.#memory;
  }

  get count(): number {
    return this.#slots.length;
  }

  /** Replaces all. Nothing has changed where it throws. The queues have stopped; descriptors stay the caller's. */
  replace(messages: readonly MemoryRegionMessage[], fds: readonly Fd[]): void {
    undoOnFailure((undo) => {
      const slots = messages.map((message, i) => this.#map(message, fds[i]!, undo));
      const memory = join(slots);
      this.#unmap(this.#slots);
      this.#slots = slots;
      this.#memory = memory;
    });
  }

  add(message: MemoryRegionMessage, fd: Fd): void {
    if (this.#slots.length === MAX_MEMORY_SLOTS) throw new VhostUserRequestError('all memory slots are taken');
    undoOnFailure((undo) => {
      const slots = [...this.#slots, this.#map(message, fd, undo)];
      this.#memory = join(slots);
      this.#slots = slots;
    });
  }

  /** The region with the same addresses and size. VhostUserRequestError where there is none. */
  remove({ guestAddress, userAddress, size }: MemoryRegionMessage): void {
    const found = this.#slots.find(
      ({ message }) =>
        message.guestAddress === guestAddress && message.userAddress === userAddress && message.size === size,
    );
    if (found === undefined) throw new VhostUserRequestError(`no memory region at 0x${guestAddress.toString(16)}`);
    this.#slots = this.#slots.filter((slot) => slot !== found);
    this.#memory = join(this.#slots);
    this.#unmap([found]);
  }

  /** The guest address of what the frontend has at `userAddress`; null where that is not in a region. */
  toGuest(userAddress: bigint): bigint | null {
    for (const { message } of this.#slots) {
      const offset = userAddress - message.userAddress;
      if (offset >= 0n && offset < message.size) return message.guestAddress + offset;
    }
    return null;
  }

  /** Another mapping of what the frontend has at `userAddress`; null where that is not wholly in one region. */
  mapUser(
    userAddress: bigint,
    size: bigint,
    use: (mapping: Mapping) => Mapping,
  ): { mapping: Mapping; guest: bigint } | null {
    const slot = this.#slots.find(
      ({ message }) => userAddress >= message.userAddress && userAddress - message.userAddress < message.size,
    );
    if (slot === undefined || size === 0n || size > BigInt(MAX_MAPPING_LENGTH)) return null;
    const { message, file } = slot;
    const within = userAddress - message.userAddress;
    if (size > message.size - within || within % BigInt(PAGE_SIZE) !== 0n) return null;
    const part = { offset: Number(message.mmapOffset + within), length: Number(size), ...this.#guardFor(file) };
    return { mapping: use(Mapping.ofFile(file, part)), guest: message.guestAddress + within };
  }

  close(): void {
    this.#unmap(this.#slots);
    this.#slots = [];
    this.#memory = GuestMemory.ofRegions([]);
  }

  #map(message: MemoryRegionMessage, fd: Fd, undo: Disposables): Slot {
    check(message, fd);
    const gpa = Number(message.guestAddress);
    const size = Number(message.size);
    const offset = Number(message.mmapOffset);
    const guard = this.#guardFor(fd);
    const regions: MemoryRegion[] = [];
    for (let done = 0; done < size; done += MAX_MAPPING_LENGTH) {
      const length = Math.min(size - done, MAX_MAPPING_LENGTH);
      const mapping = undo.use(Mapping.ofFile(fd, { offset: offset + done, length, ...guard }));
      regions.push(new MemoryRegion(gpa + done, mapping, false));
    }
    return { message, regions, file: undo.use(fd.dup()) };
  }

  #guardFor(fd: Fd): { shrunk?: EventFd } {
    return this.#shrunk === null || cannotShrink(fd) ? {} : { shrunk: this.#shrunk };
  }

  #unmap(slots: readonly Slot[]): void {
    closeAll(slots.flatMap(({ regions, file }) => [...regions.map(({ mapping }) => mapping), file]));
  }
}

function join(slots: readonly Slot[]): GuestMemory {
  return GuestMemory.ofRegions(slots.flatMap(({ regions }) => regions));
}

function check({ guestAddress, size, userAddress, mmapOffset }: MemoryRegionMessage, fd: Fd): void {
  const text = `memory region at 0x${guestAddress.toString(16)}, 0x${size.toString(16)} bytes`;
  if (size === 0n || guestAddress + size > ADDRESS_LIMIT || userAddress + size > 2n ** 64n)
    throw new VhostUserRequestError(`${text}: not a range of addresses`);
  if (guestAddress % BigInt(PAGE_SIZE) !== 0n || mmapOffset % BigInt(PAGE_SIZE) !== 0n)
    throw new VhostUserRequestError(`${text}: does not begin at a page, in memory and in its file`);
  const file = fstatSync(fd.number, { bigint: true });
  if (!file.isFile()) throw new VhostUserRequestError(`${text}: its descriptor is not of a file`);
  if (mmapOffset > file.size || size > file.size - mmapOffset)
    throw new VhostUserRequestError(`${text}: its file has only 0x${file.size.toString(16)} bytes`);
}
