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
    for (const plan of offsetsOf(spec).flatMap((offset) => planWords(spec, offset))) {
      wordAt.fill(words.length, plan.offset, Math.min(plan.offset + 4, plan.registerEnd));
      words.push(plan);
    }
  }
  return { words, wordAt };
}

function planWords(spec: RegisterSpec, offset: number): WordPlan[] {
  return spec.width === 8 ? [planWord(spec, offset, 0), planWord(spec, offset, 1)] : [planWord(spec, offset, 0)];
}

function planWord(spec: RegisterSpec, registerOffset: number, half: 0 | 1): WordPlan {
  const masks = accessMasks(spec);
  const part = (bits: bigint) => Number(BigInt.asIntN(32, bits >> BigInt(32 * half)));
  return {
    offset: registerOffset + 4 * half,
    registerEnd: registerOffset + spec.width,
    widths: widthsOf(spec).reduce((sum, width) => sum | width, 0),
    reset: part(BigInt(spec.reset ?? 0)),
    readable: part(masks.readable),
    writable: part(masks.writable),
    clearedByWrite: part(masks.clearedByWrite),
    clearedByRead: part(masks.clearedByRead),
  };
}
