/** Available buffer notifications (2.9, 4.1.5.2). */

/** Width in bits of vq_index or vq_notif_config_data, the low part of a notification with VIRTIO_F_NOTIFICATION_DATA. */
export const NOTIFICATION_INDEX_BITS = 16;
/** Mask of the same. The upper half is next_off (15 bits) and next_wrap (bit 31). */
export const NOTIFICATION_INDEX_MASK = 0xffff;
