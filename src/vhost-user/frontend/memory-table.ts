/** Guest memory as the backend is told about it: SET_MEM_TABLE, or ADD_MEM_REG for each region. */
import type { GuestMemory, MemoryRegion } from '../../memory/index.js';
import { encodeMemoryTable, encodeSingleRegion, type MemoryRegionMessage } from '../message/index.js';
import { FrontendRequest, MAX_TABLE_REGIONS, ProtocolFeature } from '../spec/index.js';
import { BackendUnsuitableError } from './errors.js';
import { getU64 } from './negotiation.js';
import type { RequestChannel } from './request-channel.js';

/**
 * User addresses are names for memory that both sides agree on; nobody dereferences them. Guest addresses (below 2^52) from
 * here on cannot be taken for one another.
 */
const USER_BASE = 2n ** 52n;

export function userAddressOf(gpa: bigint): bigint {
  return gpa + USER_BASE;
}

/**
 * Shares all of it but read-only regions: a backend would map them writable.
 * @throws BackendUnsuitableError for more regions than the backend takes, and for memory of this process alone
 */
export async function shareMemory(channel: RequestChannel, protocol: bigint, memory: GuestMemory): Promise<void> {
  const regions = memory.regions.filter(({ readonly }) => !readonly);
  const slots = (protocol & ProtocolFeature.configureMemSlots) !== 0n;
  const limit = slots ? await getU64(channel, FrontendRequest.getMaxMemSlots) : BigInt(MAX_TABLE_REGIONS);
  if (BigInt(regions.length) > limit)
    throw new BackendUnsuitableError(`it takes ${limit} region(s) of memory, the guest has ${regions.length}`);
  if (!slots)
    return channel.tell(FrontendRequest.setMemTable, encodeMemoryTable(regions.map(toMessage)), filesOf(regions));
  for (const region of regions)
    await channel.tell(FrontendRequest.addMemReg, encodeSingleRegion(toMessage(region)), filesOf([region]));
}

function toMessage({ gpa, size, file }: MemoryRegion): MemoryRegionMessage {
  const guestAddress = BigInt(gpa);
  return {
    guestAddress,
    size: BigInt(size),
    userAddress: userAddressOf(guestAddress),
    mmapOffset: BigInt(file?.offset ?? 0),
  };
}

function filesOf(regions: readonly MemoryRegion[]) {
  return regions.map(({ file }) => {
    if (file === undefined) throw new BackendUnsuitableError("anonymous memory cannot be shared: use backing 'memfd'");
    return file.fd;
  });
}
