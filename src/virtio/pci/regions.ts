/** The BARs of a function as register devices: what a dispatcher or a register bus serves. */
import type { RegisterBlockDevice, RegisterDevice } from '../../ioregion/device.js';
import type { TransportCore } from '../transport/index.js';
import { createCommonWindow } from './common-window.js';
import { createIsrWindow } from './isr-window.js';
import type { FunctionLayout, WindowPlace } from './layout.js';
import { LegacyWindow } from './legacy-window.js';
import { createMsixTable, createPendingBits } from './msix-table.js';
import { NotifyWindow } from './notify-window.js';
import type { CapabilityWindow } from './pci-cfg-access.js';
import { type RegionPlace, regionPlaces } from './region-places.js';
import { WindowMap } from './window-map.js';

export interface PciRegion extends RegionPlace {
  readonly device: RegisterDevice;
}

/** Registers that hold what the driver has written. */
export type SavedBlock = Pick<RegisterBlockDevice, 'save' | 'restore'>;

export interface FunctionWindows {
  /** By name, those that a saved function has. */
  readonly blocks: Readonly<Record<string, SavedBlock>>;
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
  const commonWindow = createCommonWindow(core);
  const table = msixTable === null ? null : createMsixTable(vectors, interrupts);
  const legacyWindow = legacy === null ? null : new LegacyWindow(core);
  return {
    blocks: {
      common: commonWindow,
      ...(table === null ? {} : { msix: table }),
      ...(legacyWindow === null ? {} : { legacy: legacyWindow.header }),
    },
    virtio: [
      windowAt(common, commonWindow),
      windowAt(isr, createIsrWindow(interrupts)),
      ...(device === null ? [] : [windowAt(device, config)]),
      doorbells,
    ],
    notify: doorbells,
    msix: [
      ...(msixTable === null || table === null ? [] : [windowAt(msixTable, table)]),
      ...(pendingBits === null ? [] : [windowAt(pendingBits, createPendingBits(vectors, interrupts))]),
    ],
    legacy: legacy === null || legacyWindow === null ? null : windowAt(legacy, legacyWindow),
  };
}

function windowAt(place: WindowPlace, device: RegisterDevice): CapabilityWindow {
  return { ...place, device };
}

export function functionRegions(layout: FunctionLayout, windows: FunctionWindows): PciRegion[] {
  const all = [...windows.virtio, ...windows.msix, ...(windows.legacy === null ? [] : [windows.legacy])];
  return regionPlaces(layout).map((place) => {
    if (place.name === 'notify') return { ...place, device: windows.notify.device };
    const here = all.filter((window) => window.bar === place.bar && window !== windows.notify);
    return { ...place, device: new WindowMap(here) };
  });
}
