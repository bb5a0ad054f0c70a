/** Packed virtqueues (2.8). Offsets and sizes are in bytes. */

/** `struct pvirtq_desc` (2.8.13); addr and len as in `Descriptor`. */
export const PackedDescriptor = { id: 12, flags: 14 } as const;

/** `struct pvirtq_event_suppress` (2.8.14), in the driver area and in the device area. */
export const EventSuppression = { alignment: 4, size: 4, desc: 0, flags: 2 } as const;

/** Values of the low two bits of its flags (2.8.10); 3 is reserved. */
export const RingEventFlags = { enable: 0, disable: 1, desc: 2 } as const;
/** The bits of its flags that hold the value. */
export const RING_EVENT_FLAGS_MASK = 3;

/** An offset in the ring with its wrap counter, as event suppression and notification data carry it (2.8.14, 2.9). */
export const RingPosition = { offsetMask: 0x7fff, wrap: 0x8000 } as const;
