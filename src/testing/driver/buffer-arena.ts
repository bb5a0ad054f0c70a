/** Memory of a driver for its buffers and indirect tables: first fit, freed ranges are merged. */

interface Range {
  start: number;
  end: number;
}

export class BufferArena {
  /** Sorted, disjoint, not adjacent. */
  #free: Range[];

  /** [start, end), guest-physical. */
  constructor(start: number, end: number) {
    this.#free = [{ start, end }];
  }

  /** A gpa, a multiple of 16. An empty buffer takes a place too. Throws where no range is long enough. */
  take(length: number): number {
    const bytes = roundUp(length);
    const range = this.#free.find(({ start, end }) => end - start >= bytes);
    if (range === undefined) throw new Error(`no ${bytes} bytes left for a buffer`);
    const { start } = range;
    range.start += bytes;
    if (range.start === range.end) this.#free.splice(this.#free.indexOf(range), 1);
    return start;
  }

  /** Gives back what `take(length)` returned. */
  give(gpa: number, length: number): void {
    const end = gpa + roundUp(length);
    const found = this.#free.findIndex(({ start }) => start >= end);
    const at = found < 0 ? this.#free.length : found;
    const [before, after] = [this.#free[at - 1], this.#free[at]];
    const start = before?.end === gpa ? before.start : gpa;
    const last = after?.start === end ? after.end : end;
    this.#free.splice(at - (start === gpa ? 0 : 1), (start === gpa ? 0 : 1) + (last === end ? 0 : 1), {
      start,
      end: last,
    });
  }
}

function roundUp(length: number): number {
  return Math.max(16, Math.ceil(length / 16) * 16);
}
