/** The arithmetic of VIRTIO_F_EVENT_IDX. */

/**
 * Whether moving an index from `before` to `after` has passed `event`: the entry at `event` is one of those written. All
 * are 16-bit numbers that wrap, so distances are counted back from `after`: `event` is passed where it is nearer than `before`.
 */
export function passesEvent(event: number, before: number, after: number): boolean {
  return ((after - event - 1) & 0xffff) < ((after - before) & 0xffff);
}
