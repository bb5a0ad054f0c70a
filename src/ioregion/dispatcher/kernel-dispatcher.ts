/**
 * The kernel's own dispatcher, where the kernel has KVM_SET_IOREGION (RFC v3): accesses never leave ioctl(KVM_RUN). It
 * refuses a region that overlaps an ioeventfd, so a range with a doorbell inside becomes several regions around it.
 */
import type { KernelIoregion } from '../../kvm/index.js';
import type { Dispatcher, DispatcherKind, Region, RegionRoute } from './dispatcher.js';
import { DispatcherClosedError, RegionExistsError, withRegionErrors } from './errors.js';
import { type RegionOptions, type RegionRequest, regionRequest } from './region.js';

/** What the dispatcher needs of `Vm`. */
export interface IoregionVm {
  setIoregion(region: KernelIoregion): void;
  removeIoregion(region: Pick<KernelIoregion, 'space' | 'address' | 'size'>): void;
  readonly ioeventfds: {
    readonly assigned: readonly {
      readonly space: string;
      readonly address: number | bigint;
      readonly length: number;
    }[];
  };
}

/** A half-open range of addresses. */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** What is left of `range` without `holes`, in order of address. */
export function splitAround(range: AddressRange, holes: readonly AddressRange[]): AddressRange[] {
  const inside = holes.filter((hole) => hole.start < range.end && hole.end > range.start);
  const sorted = inside.sort((a, b) => (a.start < b.start ? -1 : 1));
  const pieces: AddressRange[] = [];
  let at = range.start;
  for (const hole of sorted) {
    if (hole.start > at) pieces.push({ start: at, end: hole.start });
    if (hole.end > at) at = hole.end;
  }
  if (at < range.end) pieces.push({ start: at, end: range.end });
  return pieces;
}

/** The kernel counts an ioeventfd of length 0 (any width) as 8 bytes. */
const ANY_WIDTH_BYTES = 8;
/** User data of pieces: offsets in their commands start at the piece, so each needs a name of its own. */
const PIECE_TOKENS = 1n << 63n;

interface Piece extends RegionRoute {
  readonly address: bigint;
  readonly size: bigint;
}

class KernelRegion implements Region {
  readonly options: RegionOptions;
  readonly routes: readonly RegionRoute[];
  readonly pieces: readonly Piece[];
  readonly #owner: KernelDispatcher;

  constructor(owner: KernelDispatcher, options: RegionOptions, pieces: readonly Piece[]) {
    this.#owner = owner;
    this.options = options;
    this.pieces = pieces;
    this.routes = pieces.map(({ userData, base }) => ({ userData, base }));
  }

  stats(): null {
    return null;
  }

  remove(): void {
    this.#owner.removeRegion(this);
  }
}

/** ioeventfds inside a region must be assigned before the region is added: the kernel refuses them afterwards. */
export class KernelDispatcher implements Dispatcher {
  readonly kind: DispatcherKind = 'kernel';
  readonly #vm: IoregionVm;
  readonly #regions = new Set<KernelRegion>();
  #lastToken = 0n;
  #closed = false;

  constructor(vm: IoregionVm) {
    this.#vm = vm;
  }

  addRegion(options: RegionOptions): Region {
    if (this.#closed) throw new DispatcherClosedError();
    const request = regionRequest(options);
    const pieces = this.#piecesOf(request);
    if (pieces.length === 0) throw new RegionExistsError();
    this.#addPieces(request, pieces);
    const region = new KernelRegion(this, options, pieces);
    this.#regions.add(region);
    return region;
  }

  /** For `Region.remove`. */
  removeRegion(region: KernelRegion): void {
    if (this.#regions.delete(region)) throwFirst(this.#removePieces(region.options, region.pieces));
  }

  close(): void {
    this.#closed = true;
    const regions = [...this.#regions];
    this.#regions.clear();
    throwFirst(regions.flatMap(({ options, pieces }) => this.#removePieces(options, pieces)));
  }

  /** All of them or none. */
  #addPieces(request: RegionRequest, pieces: readonly Piece[]): void {
    const added: Piece[] = [];
    try {
      for (const piece of pieces) {
        withRegionErrors(() => this.#vm.setIoregion(this.#argument(request, piece)));
        added.push(piece);
      }
    } catch (error) {
      this.#removePieces(request, added);
      throw error;
    }
  }

  #argument(request: RegionRequest, piece: Piece): KernelIoregion {
    return {
      space: request.space,
      address: piece.address,
      size: piece.size,
      userData: piece.userData,
      readFd: { number: request.readFd },
      writeFd: { number: request.writeFd },
      postedWrites: (request.flags & 2) !== 0,
    };
  }

  /** What failed; the others are removed nevertheless. */
  #removePieces({ space }: Pick<RegionOptions, 'space'>, pieces: readonly Piece[]): unknown[] {
    const failures: unknown[] = [];
    for (const { address, size } of pieces) {
      try {
        withRegionErrors(() => this.#vm.removeIoregion({ space, address, size }));
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }

  #piecesOf({ space, gpa, size, userData }: RegionRequest): Piece[] {
    if (size === 0n) return [{ address: gpa, size, userData, base: 0 }];
    const range = { start: gpa, end: gpa + size };
    const ranges = splitAround(range, this.#holes(space));
    if (ranges.length === 1 && ranges[0]!.start === gpa && ranges[0]!.end === range.end) {
      return [{ address: gpa, size, userData, base: 0 }];
    }
    return ranges.map(({ start, end }) => ({
      address: start,
      size: end - start,
      userData: PIECE_TOKENS | ++this.#lastToken,
      base: Number(start - gpa),
    }));
  }

  #holes(space: string): AddressRange[] {
    const here = this.#vm.ioeventfds.assigned.filter((ioeventfd) => ioeventfd.space === space);
    return here.map(({ address, length }) => {
      const start = BigInt(address);
      return { start, end: start + BigInt(length === 0 ? ANY_WIDTH_BYTES : length) };
    });
  }
}

/** Throws the first of several failures. */
function throwFirst(failures: readonly unknown[]): void {
  if (failures.length > 0) throw failures[0];
}
