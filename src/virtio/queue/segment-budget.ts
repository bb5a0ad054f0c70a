/** How many segments the chains of one queue may hold beyond what each has from the start. */

/** A chain may have as many segments as the ring has descriptors, and its room doubles: more than one always fits. */
const PER_DESCRIPTOR = 4;
const MINIMUM = 65536;

/**
 * Without a bound, a driver could make the host hold size² segments: as many chains as descriptors, each with an indirect
 * table as long as the ring.
 */
export class SegmentBudget {
  #left: number;

  constructor(queueSize: number) {
    this.#left = Math.max(MINIMUM, PER_DESCRIPTOR * queueSize);
  }

  /** False where there are not so many left. */
  take(segments: number): boolean {
    if (segments > this.#left) return false;
    this.#left -= segments;
    return true;
  }

  give(segments: number): void {
    this.#left += segments;
  }
}
