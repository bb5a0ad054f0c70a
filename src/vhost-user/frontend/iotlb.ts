/** Translations for a backend behind an IOMMU (VIRTIO_F_ACCESS_PLATFORM): misses answered, entries taken back. */
import type { GuestMemory } from '../../memory/index.js';
import { encodeIotlb, type IotlbMessage } from '../message/index.js';
import { FrontendRequest, IotlbAccess, IotlbType } from '../spec/index.js';
import { userAddressOf } from './memory-table.js';
import type { RequestChannel } from './request-channel.js';

export interface IotlbEntry {
  readonly iova: bigint;
  /** In bytes. */
  readonly size: bigint;
  readonly gpa: bigint;
  /** Bits of IotlbAccess. */
  readonly access: number;
}

/** The IOMMU of a device. */
export interface Translator {
  /** The entry that holds `iova`; null where there is none with this access. */
  translate(iova: bigint, access: number): IotlbEntry | null;
}

/** A device without an IOMMU: its addresses are guest addresses. */
export function identity(memory: GuestMemory): Translator {
  return {
    translate: (iova) => {
      const region = memory.regions.find(({ gpa, size, readonly }) => !readonly && holds(gpa, size, iova));
      if (region === undefined) return null;
      const gpa = BigInt(region.gpa);
      return { iova: gpa, gpa, size: BigInt(region.size), access: IotlbAccess.read | IotlbAccess.write };
    },
  };
}

function holds(gpa: number, size: number, address: bigint): boolean {
  return address >= BigInt(gpa) && address < BigInt(gpa) + BigInt(size);
}

/** Answers a miss. False where there is no translation, or the message is none that a backend may send. */
export function answerMiss(channel: RequestChannel, translator: Translator, message: IotlbMessage): boolean {
  if (message.type !== IotlbType.miss) return false;
  const entry = translator.translate(message.iova, message.access);
  if (entry === null) return false;
  void updateIotlb(channel, entry).catch(() => {});
  return true;
}

function updateIotlb(channel: RequestChannel, { iova, size, gpa, access }: IotlbEntry): Promise<void> {
  const userAddress = userAddressOf(gpa);
  const update = encodeIotlb({ iova, size, userAddress, access, type: IotlbType.update });
  return channel.tell(FrontendRequest.iotlbMsg, update);
}

/** Takes a range back: once it is acknowledged, nothing is translated by it any more. */
export function invalidateIotlb(channel: RequestChannel, iova: bigint, size: bigint): Promise<void> {
  const message = encodeIotlb({ iova, size, userAddress: 0n, access: 0, type: IotlbType.invalidate });
  return channel.tell(FrontendRequest.iotlbMsg, message);
}
