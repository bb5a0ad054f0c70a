/** Values inside payloads. Sizes are in bytes. */

/** `flags` of SET_VRING_ADDR: writes to the used ring are logged, from the log address on. */
export const VRING_LOG_USED = 1;

/** SET_VRING_KICK, SET_VRING_CALL and SET_VRING_ERR: the index, and "no fd comes along". */
export const VringFd = { indexMask: 0xff, noFd: 0x100 } as const;

/** Types of an IOTLB message. */
export const IotlbType = { miss: 1, update: 2, invalidate: 3, accessFail: 4 } as const;
/** Its permissions: bits. */
export const IotlbAccess = { read: 1, write: 2 } as const;

/** `flags` of SET_CONFIG: the driver wrote it, or a migration did. */
export const ConfigFlag = { driver: 0, liveMigration: 1 } as const;

/** SET_DEVICE_STATE_FD. */
export const TransferDirection = { save: 0, load: 1 } as const;
export const TransferPhase = { stopped: 0 } as const;
/** Its reply: whether an fd comes along (bit 8), and errors (bits 0 to 7). */
export const TransferReply = { noFd: 0x100, error: 1 } as const;

/** Pages of the dirty log. */
export const LOG_PAGE_BYTES = 4096;

/** Regions of SET_MEM_TABLE, and the descriptors of one message. */
export const MAX_TABLE_REGIONS = 8;
export const MAX_MESSAGE_FDS = 8;
/** Bytes of configuration space in one message. */
export const MAX_CONFIG_BYTES = 256;
