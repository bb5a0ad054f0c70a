/**
 * What the control connection is for: which regions a device process is to serve, with the fds that serve them. A line of
 * JSON with the descriptors attached, to which one word is the answer (ready.ts); deliberately no more, a standard protocol
 * (vfio-user) will replace it. It is read as hostile input.
 */
import { IoregionError } from '../../native/index.js';

/** Longest line, bytes. */
export const OFFER_BYTES = 16384;
export const OFFER_REGIONS = 64;
export const OFFER_FDS = 128;

export interface OfferedRegionDescription {
  /** What the device knows the region by, e.g. `bar0`. */
  readonly name: string;
  readonly space: 'mmio' | 'pio';
  /** Bytes, in decimal. */
  readonly size: string;
  /** As it comes in every command, in decimal. */
  readonly userData: string;
  readonly posted: boolean;
  /** Indexes into the descriptors of the message: where commands come from, and where responses go. */
  readonly readFd: number;
  readonly writeFd: number;
}

export interface Offer {
  readonly version: 1;
  readonly regions: readonly OfferedRegionDescription[];
  /** Further descriptors by name (an eventfd that raises an interrupt, say): indexes like those above. */
  readonly fds: Readonly<Record<string, number>>;
}

/** The other side of the control connection does not keep to the form above. */
export class ControlProtocolError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_CONTROL_PROTOCOL', `control connection: ${reason}`);
  }
}

export function encodeOffer(offer: Offer): Uint8Array {
  const bytes = new TextEncoder().encode(`${JSON.stringify(offer)}\n`);
  if (bytes.length > OFFER_BYTES) throw new ControlProtocolError(`the offer is longer than ${OFFER_BYTES} bytes`);
  return bytes;
}

/** Checks every field; `fdCount` descriptors came with the message. @throws ControlProtocolError */
export function decodeOffer(line: string, fdCount: number): Offer {
  const value = parse(line);
  if (!isRecord(value) || value.version !== 1) throw new ControlProtocolError('not an offer of version 1');
  const { regions, fds = {} } = value;
  if (!Array.isArray(regions) || regions.length < 1 || regions.length > OFFER_REGIONS) {
    throw new ControlProtocolError(`an offer has 1 to ${OFFER_REGIONS} regions`);
  }
  return { version: 1, regions: regions.map((region) => checkRegion(region, fdCount)), fds: checkFds(fds, fdCount) };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ControlProtocolError('not JSON');
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkRegion(region: unknown, fdCount: number): OfferedRegionDescription {
  if (!isRecord(region)) throw new ControlProtocolError('a region is not an object');
  const { name, space, size, userData, posted, readFd, writeFd } = region;
  if (typeof name !== 'string' || name.length > 64) throw new ControlProtocolError('a region has no name');
  if (space !== 'mmio' && space !== 'pio') throw new ControlProtocolError(`region ${name}: unknown space`);
  if (typeof posted !== 'boolean') throw new ControlProtocolError(`region ${name}: posted is not a boolean`);
  return {
    name,
    space,
    posted,
    size: checkU64(name, size),
    userData: checkU64(name, userData),
    readFd: checkIndex(readFd, fdCount),
    writeFd: checkIndex(writeFd, fdCount),
  };
}

function checkU64(name: string, value: unknown): string {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value) || BigInt(value) >= 1n << 64n) {
    throw new ControlProtocolError(`region ${name}: size or userData is not an unsigned 64-bit number`);
  }
  return value;
}

function checkIndex(value: unknown, fdCount: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < fdCount) return value;
  throw new ControlProtocolError(`a descriptor index is not below ${fdCount}`);
}

function checkFds(fds: unknown, fdCount: number): Record<string, number> {
  if (!isRecord(fds)) throw new ControlProtocolError('fds is not an object');
  return Object.fromEntries(Object.entries(fds).map(([name, index]) => [name, checkIndex(index, fdCount)]));
}
