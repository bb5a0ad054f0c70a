/** What both ring formats share (2.6, 2.7.5, 2.8.13). */

/** Largest Queue Size (2.7, 2.8). */
export const MAX_QUEUE_SIZE = 32768;
/** A queue index is 0 to 65535 (2.6). */
export const MAX_QUEUES = 65536;

/** Bytes of a descriptor: le64 addr, le32 len, then two le16 whose order depends on the format. */
export const DESCRIPTOR_SIZE = 16;
/** Of the descriptor area (2.7, 2.8.10.1). */
export const DESCRIPTOR_ALIGNMENT = 16;

/** Offsets in a descriptor of either format. */
export const Descriptor = { addr: 0, len: 8 } as const;

/** Flags of a descriptor (2.7.5, 2.8). `avail` and `used` exist in packed rings only (2.8.1). */
export const DescriptorFlag = {
  next: 1,
  write: 2,
  indirect: 4,
  avail: 1 << 7,
  used: 1 << 15,
} as const;
