/** Feature bits of the entropy device (virtio 5.4.3): none are defined. */
export const ENTROPY_FEATURES = 0n;
