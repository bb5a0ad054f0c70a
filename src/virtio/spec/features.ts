/** Feature bits that do not depend on the device type (2.2, 6). Sets of features are bigints. */
const bit = (number: number): bigint => 1n << BigInt(number);

export const Feature = {
  /** The device notifies when the available ring is empty, even if suppressed (6.4, legacy). */
  notifyOnEmpty: bit(24),
  /** No assumptions about framing (6.4, legacy). */
  anyLayout: bit(27),
  indirectDesc: bit(28),
  eventIdx: bit(29),
  version1: bit(32),
  accessPlatform: bit(33),
  ringPacked: bit(34),
  inOrder: bit(35),
  orderPlatform: bit(36),
  srIov: bit(37),
  notificationData: bit(38),
  notifConfigData: bit(39),
  ringReset: bit(40),
  suspend: bit(43),
} as const;

/** The bits a device type may define: 0 to 23, 41, 42 and 50 to 127 (2.2). */
export const DEVICE_FEATURE_MASK: bigint = (bit(24) - 1n) | bit(41) | bit(42) | (bit(128) - bit(50));
