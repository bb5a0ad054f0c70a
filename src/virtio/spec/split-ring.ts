/** Split virtqueues (2.7). Offsets and sizes are in bytes. */

/** `struct virtq_desc` (2.7.5); addr and len as in `Descriptor`. */
export const SplitDescriptor = { flags: 12, next: 14 } as const;

/** `struct virtq_avail` (2.7.6), in the driver area. */
export const AvailRing = {
  alignment: 2,
  flags: 0,
  idx: 2,
  ring: 4,
  entrySize: 2,
  /** Flags, idx and used_event. */
  fixedSize: 6,
} as const;

/** `struct virtq_used` (2.7.8), in the device area. */
export const UsedRing = {
  alignment: 4,
  flags: 0,
  idx: 2,
  ring: 4,
  /** le32 id, le32 len. */
  entrySize: 8,
  /** Flags, idx and avail_event. */
  fixedSize: 6,
} as const;

/** In the flags of the available ring (2.7.7). */
export const AVAIL_NO_INTERRUPT = 1;
/** In the flags of the used ring (2.7.10). */
export const USED_NO_NOTIFY = 1;

/** Queue Align of the legacy layout (2.7.2). */
export const LEGACY_QUEUE_ALIGN = 4096;
