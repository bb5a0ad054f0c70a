/** A part of a machine that saves and restores its state itself, wherever its thread is. */
export interface StateTarget {
  /** Of its section: `board`, or `slot` and a number. */
  readonly name: string;
  /** Resolves when nothing of it is in flight. */
  suspend(): Promise<void>;
  save(): Promise<Uint8Array>;
  restore(state: Uint8Array): Promise<void>;
  resume(): Promise<void>;
}

/** Name of the board's. */
export const BOARD = 'board';
