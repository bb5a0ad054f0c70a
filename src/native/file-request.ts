/** The area of a FileIo, which native/src/file_call.h and file_io.h read and write. */

/** struct file_request, one for each slot. */
export const REQUEST_BYTES = 32;
const SEGMENT_WORDS = 3;

export const FileOp = { read: 0, write: 1, sync: 2, punchHole: 3, zeroRange: 4 } as const;
export type FileOp = (typeof FileOp)[keyof typeof FileOp];

export const FileFlag = {
  /** The write is on stable storage when it completes (RWF_DSYNC). */
  durable: 1,
} as const;

const WORDS = REQUEST_BYTES / Uint32Array.BYTES_PER_ELEMENT;
const DOUBLES = REQUEST_BYTES / Float64Array.BYTES_PER_ELEMENT;
const OP = 0;
const FLAGS = 1;
const POSITION = 1;
const LENGTH = 2;
const SEGMENT_COUNT = 6;
const RESULT = 7;

/** Views of the area; every method writes or reads a few words. */
export class FileRequests {
  /** Slots to submit, in order. */
  readonly submitted: Uint32Array;
  /** Slots completed by the last submit, in order. */
  readonly completed: Uint32Array;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #results: Int32Array;
  readonly #segments: Uint32Array;
  readonly #segmentsPerSlot: number;

  constructor(area: ArrayBuffer, slots: number, segmentsPerSlot: number) {
    const list = slots * Uint32Array.BYTES_PER_ELEMENT;
    const end = slots * REQUEST_BYTES;
    this.#words = new Uint32Array(area, 0, slots * WORDS);
    this.#doubles = new Float64Array(area, 0, slots * DOUBLES);
    this.#results = new Int32Array(area, 0, slots * WORDS);
    this.submitted = new Uint32Array(area, end, slots);
    this.completed = new Uint32Array(area, end + list, slots);
    this.#segments = new Uint32Array(area, end + 2 * list, slots * segmentsPerSlot * SEGMENT_WORDS);
    this.#segmentsPerSlot = segmentsPerSlot;
  }

  set(slot: number, op: FileOp, flags: number, position: number, length: number): void {
    this.#words[slot * WORDS + OP] = op;
    this.#words[slot * WORDS + FLAGS] = flags;
    this.#words[slot * WORDS + SEGMENT_COUNT] = 0;
    this.#doubles[slot * DOUBLES + POSITION] = position;
    this.#doubles[slot * DOUBLES + LENGTH] = length;
  }

  /** Appends a segment; false where the slot has no room for another. */
  addSegment(slot: number, mapping: number, offset: number, length: number): boolean {
    const count = this.#words[slot * WORDS + SEGMENT_COUNT]!;
    if (count >= this.#segmentsPerSlot) return false;
    const at = (slot * this.#segmentsPerSlot + count) * SEGMENT_WORDS;
    this.#segments[at] = mapping;
    this.#segments[at + 1] = offset;
    this.#segments[at + 2] = length;
    this.#words[slot * WORDS + SEGMENT_COUNT] = count + 1;
    return true;
  }

  /** Bytes moved, or a negative errno. */
  result(slot: number): number {
    return this.#results[slot * WORDS + RESULT]!;
  }
}
