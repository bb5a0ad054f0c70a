/** What a machine asks of its board about slots, between two accesses of the guest: plain data, to the board's thread. */
import type { PciHotplug } from '../devices/pci-hotplug.js';
import type { BoardSlots, SlotOptions } from './board-slots.js';

export type SlotQuestion =
  /** Puts a function in, and tells the guest. */
  | { readonly op: 'plug'; readonly options: SlotOptions }
  /** Asks the guest to take the function out. */
  | { readonly op: 'want'; readonly slot: number }
  /** Ends a function that the guest has taken out. */
  | { readonly op: 'release'; readonly slot: number };

/** `failed`: why. */
export type SlotAnswer = { readonly failed: string | null };

/** Whoever carries a question to the thread of the board. */
export interface BoardLink {
  ask(question: unknown): Promise<unknown>;
}

/** On the thread of the board. Does not reject. */
export async function answerSlot(slots: BoardSlots, hotplug: PciHotplug, question: SlotQuestion): Promise<SlotAnswer> {
  try {
    if (question.op === 'plug') {
      await slots.plug(question.options);
      hotplug.arrive(question.options.slot);
    } else if (question.op === 'release') await slots.release(question.slot);
    else if (slots.has(question.slot)) hotplug.want(question.slot);
    return { failed: null };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}
