/** The BARs of a function as register devices: what a dispatcher or a register bus serves. */
import type { RegisterDevice } from '../../ioregion/device.js';
import type { TransportCore } from '../transport/index.js';
import { createCommonWindow } from './common-window.js';
import { createIsrWindow } from './isr-window.js';
import type { Bar, FunctionLayout, WindowPlace } from './layout.js';
import { LegacyWindow } from './legacy-window.js';
import { createMsixTable, createPendingBits } from './msix-table.js';
import { NotifyWindow } from './notify-window.js';
import type { CapabilityWindow } from './pci-cfg-access.js';
import { WindowMap } from './window-map.js';

/** A part of a BAR with a device of its own; the parts of a BAR cover all of it. */
export interface PciRegion {
  readonly bar: number;
  readonly space: 'mmio' | 'pio';
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  readonly size: number;
  /** The driver need not wait for writes: doorbells. */
  readonly postedWrites: boolean;
  readonly device: RegisterDevice;
}

export interface FunctionWindows {
  /** Those that virtio capabilities describe. */
  readonly virtio: readonly CapabilityWindow[];
  readonly notify: CapabilityWindow;
  readonly msix: readonly CapabilityWindow[];
  readonly legacy: CapabilityWindow | null;
}

export function functionWindows(layout: FunctionLayout, core: TransportCore, vectors: number): FunctionWindows {
  const { common, isr, device, notify, msixTable, pendingBits, legacy } = layout;
  const { interrupts, config } = core;
  const doorbells = windowAt(notify, new NotifyWindow(core));
  return {
    virtio: [
      windowAt(common, createCommonWindow(core)),
      windowAt(isr, createIsrWindow(interrupts)),
      ...(device === null ? [] : [windowAt(device, config)]),
      doorbells,
    ],
    notify: doorbells,
    msix: [
      ...(msixTable === null ? [] : [windowAt(msixTable, createMsixTable(vectors, interrupts))]),
      ...(pendingBits === null ? [] : [windowAt(pendingBits, createPendingBits(vectors, interrupts))]),
    ],
    legacy: legacy === null ? null : windowAt(legacy, new LegacyWindow(core)),
  };
}

function windowAt(place: WindowPlace, device: RegisterDevice): CapabilityWindow {
  return { ...place, device };
}

/** Doorbells are a region of their own at the end of their BAR; each other BAR is one region. */
export function functionRegions(bars: readonly Bar[], windows: FunctionWindows): PciRegion[] {
  const all = [...windows.virtio, ...windows.msix, ...(windows.legacy === null ? [] : [windows.legacy])];
  return bars.flatMap((bar) => {
    const here = all.filter((window) => window.bar === bar.index && window !== windows.notify);
    if (bar.index !== windows.notify.bar) return [regionOf(bar, 0, bar.size, new WindowMap(here))];
    const { offset, device } = windows.notify;
    const doorbells = { ...regionOf(bar, offset, bar.size - offset, device), postedWrites: true };
    return [regionOf(bar, 0, offset, new WindowMap(here)), doorbells];
  });
}

function regionOf({ index, space }: Bar, offset: number, size: number, device: RegisterDevice): PciRegion {
  return { bar: index, space, offset, size, postedWrites: false, device };
}
