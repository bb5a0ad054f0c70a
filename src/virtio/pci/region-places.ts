/** Which parts of its BARs a function has devices for: known to a VMM before the function is made, elsewhere perhaps. */
import { type Bar, type FunctionLayout, functionLayout, type LayoutOptions } from './layout.js';

/** A part of a BAR with a device of its own; the parts of a BAR cover all of it. */
export interface RegionPlace {
  /** `notify` for the doorbells, otherwise `bar` and its number. */
  readonly name: string;
  readonly bar: number;
  readonly space: 'mmio' | 'pio';
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  readonly size: number;
  /** The driver need not wait for writes: doorbells. */
  readonly postedWrites: boolean;
}

/** The regions of any function of this shape. @throws PciFunctionError */
export function functionRegionPlaces(options: LayoutOptions): RegionPlace[] {
  return regionPlaces(functionLayout(options));
}

/** The BARs of any function of this shape. @throws PciFunctionError */
export function functionBars(options: LayoutOptions): readonly Bar[] {
  return functionLayout(options).bars;
}

/** Doorbells are a region of their own at the end of their BAR; each other BAR is one region. */
export function regionPlaces({ bars, notify }: FunctionLayout): RegionPlace[] {
  return bars.flatMap((bar) => {
    if (bar.index !== notify.bar) return [placeOf(bar, 0, bar.size)];
    const doorbells = placeOf(bar, notify.offset, bar.size - notify.offset);
    return [placeOf(bar, 0, notify.offset), { ...doorbells, name: 'notify', postedWrites: true }];
  });
}

function placeOf({ index, space }: Bar, offset: number, size: number): RegionPlace {
  return { name: `bar${index}`, bar: index, space, offset, size, postedWrites: false };
}
