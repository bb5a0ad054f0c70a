/** Protocol features ("Protocol features"), and the feature bits that belong to the protocol. Sets are bigints. */
const bit = (number: number): bigint => 1n << BigInt(number);

export const ProtocolFeature = {
  mq: bit(0),
  logShmfd: bit(1),
  rarp: bit(2),
  replyAck: bit(3),
  netMtu: bit(4),
  backendReq: bit(5),
  crossEndian: bit(6),
  cryptoSession: bit(7),
  pageFault: bit(8),
  config: bit(9),
  backendSendFd: bit(10),
  hostNotifier: bit(11),
  inflightShmfd: bit(12),
  resetDevice: bit(13),
  inbandNotifications: bit(14),
  configureMemSlots: bit(15),
  status: bit(16),
  xenMmap: bit(17),
  sharedObject: bit(18),
  deviceState: bit(19),
  getVringBaseInflight: bit(20),
  gpaAddresses: bit(21),
  shmemMap: bit(22),
} as const;

/** Bits of GET_FEATURES that are not virtio's: all writes to guest memory are logged; protocol features exist. */
export const VhostFeature = { logAll: bit(26), protocolFeatures: bit(30) } as const;
