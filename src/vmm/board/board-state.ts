/** The board as one thing that is suspended, saved and restored: its small devices, and the functions on its thread. */
import { SavedFields, type Suspendable } from '../../virtio/state/index.js';
import type { PciBus } from '../pci/index.js';

interface SavedPart {
  save(): unknown;
  restore(saved: SavedFields): void;
}

/** By name in the saved state; null where the machine has none. */
export interface BoardParts {
  readonly serial: SavedPart | null;
  readonly config: SavedPart;
  readonly reset: SavedPart;
  readonly power: SavedPart;
  readonly hotplug: SavedPart;
  readonly cmos: SavedPart;
}

export class BoardState implements Suspendable {
  readonly #parts: readonly [string, SavedPart][];
  readonly #functions: ReadonlyMap<number, Suspendable>;
  readonly #bus: Pick<PciBus, 'decode'>;

  /** `functions` by slot: those on this thread. */
  constructor(parts: BoardParts, functions: ReadonlyMap<number, Suspendable>, bus: Pick<PciBus, 'decode'>) {
    const all: [string, SavedPart | null][] = Object.entries(parts);
    this.#parts = all.flatMap(([name, part]) => (part === null ? [] : [[name, part]]));
    this.#functions = functions;
    this.#bus = bus;
  }

  suspend(): void {
    for (const one of this.#functions.values()) one.suspend();
  }

  get quiet(): boolean {
    return [...this.#functions.values()].every(({ quiet }) => quiet);
  }

  save(): unknown {
    const functions = [...this.#functions].map(([slot, one]) => [`slot ${slot}`, one.save()] as const);
    const parts = this.#parts.map(([name, part]) => [name, part.save()] as const);
    return { ...Object.fromEntries(parts), functions: Object.fromEntries(functions) };
  }

  /** After the functions elsewhere: where their BARs are is looked up. */
  restore(state: unknown): void {
    const saved = new SavedFields(state, 'the board');
    const functions = saved.fields('functions');
    for (const [name, part] of this.#parts) part.restore(saved.fields(name));
    for (const [slot, one] of this.#functions) one.restore(functions.any(`slot ${slot}`));
    this.#bus.decode();
  }

  resume(): void {
    for (const one of this.#functions.values()) one.resume();
  }
}
