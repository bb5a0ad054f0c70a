/**
 * Functions on the board's thread are part of its state there, and sections of their own in a snapshot: restored, they may be
 * on another thread or in another process, and those from there on the board's.
 */
import { decodeState, encodeState } from '../../virtio/state/index.js';
import { type Sections, section } from './sections.js';
import { BOARD } from './state-target.js';

const FUNCTION = /^slot \d+$/;

/** The sections of a board that has saved itself. */
export function splitBoard(saved: Uint8Array): Sections {
  const { functions, ...board } = decodeState(saved) as { functions: Record<string, unknown> };
  const states = Object.entries(functions).map(([name, state]) => [name, encodeState(state)] as const);
  return new Map([[BOARD, encodeState(board)], ...states]);
}

/**
 * What a board restores itself from: it takes the functions that it has.
 * @throws SnapshotFormatError, SavedStateError
 */
export function joinBoard(sections: Sections): Uint8Array {
  const saved = decodeState(section(sections, BOARD));
  const functions = [...sections].filter(([name]) => FUNCTION.test(name));
  const states = functions.map(([name, state]) => [name, decodeState(state)] as const);
  return encodeState({ ...(saved as object), functions: Object.fromEntries(states) });
}
