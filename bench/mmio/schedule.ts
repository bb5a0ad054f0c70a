/** The order of measurement: short slots of both implementations in turn, so that drift of the machine hits both. */
import type { Implementation } from './row.js';

/** A slot is short against the drift of a shared machine, and long against the cost of starting it. */
export const SLOT_MS = 375;
/** Not recorded: lets the JIT settle and both sides fault their pages in. */
export const WARM_UP_MS = 150;

export interface Turn {
  readonly implementation: Implementation;
  readonly milliseconds: number;
  readonly recorded: boolean;
}

/**
 * The turns of one pair: a warm-up of each implementation, then A B A B … with `secondsPerPair` shared between the
 * implementations.
 */
export function turnsOf(implementations: readonly Implementation[], secondsPerPair: number): Turn[] {
  const total = secondsPerPair * 1000;
  const rounds = Math.max(1, Math.round(total / (SLOT_MS * implementations.length)));
  const milliseconds = total / (rounds * implementations.length);
  const warmUp = Math.min(WARM_UP_MS, milliseconds);
  return [
    ...implementations.map((implementation) => ({ implementation, milliseconds: warmUp, recorded: false })),
    ...Array.from({ length: rounds }, () => implementations).flatMap((turn) =>
      turn.map((implementation) => ({ implementation, milliseconds, recorded: true })),
    ),
  ];
}
