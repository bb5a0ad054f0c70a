/** How often the guest accessed each part of the board: one reader on another thread, one writer. */
import type { RegisterDevice } from '../../ioregion/device.js';

export interface RegionCounts {
  readonly reads: number;
  readonly writes: number;
}

/** Plain data, for Workers. */
export interface SharedAccessCounts {
  readonly names: readonly string[];
  /** Two numbers a name: reads, writes. */
  readonly counts: SharedArrayBuffer;
}

const PER_NAME = 2;

export function createAccessCounts(names: readonly string[]): SharedAccessCounts {
  return { names, counts: new SharedArrayBuffer(names.length * PER_NAME * Float64Array.BYTES_PER_ELEMENT) };
}

/** By name, those that were accessed. */
export function readAccessCounts({ names, counts }: SharedAccessCounts): Record<string, RegionCounts> {
  const values = new Float64Array(counts);
  const entries = names.map((name, index) => {
    return [name, { reads: values[index * PER_NAME]!, writes: values[index * PER_NAME + 1]! }] as const;
  });
  return Object.fromEntries(entries.filter(([, { reads, writes }]) => reads + writes > 0));
}

/** The device, with its accesses counted under a name of the list. */
export function counted(shared: SharedAccessCounts, name: string, device: RegisterDevice): RegisterDevice {
  const at = shared.names.indexOf(name) * PER_NAME;
  const values = new Float64Array(shared.counts);
  return {
    ...(device.close === undefined ? {} : { close: () => device.close?.() }),
    read: (offset, size) => {
      values[at]! += 1;
      return device.read(offset, size);
    },
    write: (offset, size, value) => {
      values[at + 1]! += 1;
      device.write(offset, size, value);
    },
  };
}
