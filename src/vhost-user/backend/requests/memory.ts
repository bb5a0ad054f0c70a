/** Guest memory: SET_MEM_TABLE, and slots one by one. */
import { closeAll } from '../../../native/index.js';
import type { ReceivedMessage } from '../../connection/index.js';
import { VhostUserProtocolError } from '../../errors.js';
import { decodeMemoryTable, decodeSingleRegion, encodeU64 } from '../../message/index.js';
import { FrontendRequest, MAX_TABLE_REGIONS, ProtocolFeature } from '../../spec/index.js';
import { MAX_MEMORY_SLOTS } from '../memory-slots.js';
import type { Session } from '../session.js';
import type { Requests } from './request.js';

export const memoryRequests: Requests = [
  [FrontendRequest.setMemTable, { maxFds: MAX_TABLE_REGIONS, handle: setMemoryTable }],
  [
    FrontendRequest.getMaxMemSlots,
    { needs: ProtocolFeature.configureMemSlots, handle: () => ({ payload: encodeU64(MAX_MEMORY_SLOTS) }) },
  ],
  [FrontendRequest.addMemReg, { needs: ProtocolFeature.configureMemSlots, maxFds: 1, handle: addRegion }],
  // Some frontends send the descriptor once more.
  [FrontendRequest.remMemReg, { needs: ProtocolFeature.configureMemSlots, maxFds: 1, handle: removeRegion }],
];

async function setMemoryTable(session: Session, message: ReceivedMessage): Promise<void> {
  const regions = decodeMemoryTable(message.payload);
  if (message.fdCount !== regions.length)
    throw new VhostUserProtocolError(`${regions.length} memory region(s) with ${message.fdCount} descriptor(s)`);
  const fds = message.takeFds();
  try {
    await session.changeMemory((slots) => slots.replace(regions, fds));
  } finally {
    closeAll(fds);
  }
}

async function addRegion(session: Session, message: ReceivedMessage): Promise<void> {
  const region = decodeSingleRegion(message.payload);
  const [fd] = message.takeFds();
  if (fd === undefined) throw new VhostUserProtocolError('a memory region without a descriptor');
  try {
    await session.changeMemory((slots) => slots.add(region, fd));
  } finally {
    fd.close();
  }
}

async function removeRegion(session: Session, message: ReceivedMessage): Promise<void> {
  const region = decodeSingleRegion(message.payload);
  await session.changeMemory((slots) => slots.remove(region));
}
