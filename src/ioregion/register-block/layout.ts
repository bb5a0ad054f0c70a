/**
 * A table compiled for access: every register becomes one word of up to 4 bytes, or two for an 8-byte register (low half
 * first), and every byte of the block knows its word. Made once per block and shared by its devices.
 */
import { accessMasks } from './masks.js';
import { offsetsOf, type RegisterSpec, type RegisterTable, widthsOf } from './table.js';

/** One word. Masks and values are signed 32-bit integers, which V8 keeps without a heap number. */
export interface WordPlan {
  /** Bytes from the start of the block. */
  readonly offset: number;
  /** Where the register, of which this may be a half, ends. */
  readonly registerEnd: number;
  /** The access sizes the register takes, added up: each is a power of two. */
  readonly widths: number;
  readonly reset: number;
  readonly readable: number;
  readonly writable: number;
  readonly clearedByWrite: number;
  readonly clearedByRead: number;
}

export interface Layout {
  /** Word 0 is the hole: it takes no access, and all bytes outside registers belong to it. */
  readonly words: readonly WordPlan[];
  /** The word of each byte of the block. */
  readonly wordAt: Uint16Array;
}

const HOLE: WordPlan = {
  offset: 0,
  registerEnd: 0,
  widths: 0,
  reset: 0,
  readable: 0,
  writable: 0,
  clearedByWrite: 0,
  clearedByRead: 0,
};

/** `table` has been validated. */
export function compileLayout(table: RegisterTable): Layout {
  const words = [HOLE];
  const wordAt = new Uint16Array(table.size);
  for (const spec of table.registers) {
    const halves = spec.width === 8 ? [planWord(spec, 0), planWord(spec, 1)] : [planWord(spec, 0)];
    for (const at of offsetsOf(spec)) {
      for (const plan of halves) {
        const offset = plan.offset + at;
        const registerEnd = at + spec.width;
        wordAt.fill(words.length, offset, Math.min(offset + 4, registerEnd));
        words.push({ ...plan, offset, registerEnd });
      }
    }
  }
  return { words, wordAt };
}

/** Of a register at offset 0. */
function planWord(spec: RegisterSpec, half: 0 | 1): WordPlan {
  const masks = accessMasks(spec);
  const part = (bits: bigint) => Number(BigInt.asIntN(32, bits >> BigInt(32 * half)));
  return {
    offset: 4 * half,
    registerEnd: spec.width,
    widths: widthsOf(spec).reduce((sum, width) => sum | width, 0),
    reset: part(BigInt(spec.reset ?? 0)),
    readable: part(masks.readable),
    writable: part(masks.writable),
    clearedByWrite: part(masks.clearedByWrite),
    clearedByRead: part(masks.clearedByRead),
  };
}
