/** What attaching a device needs of its machine, and gives to it. */
import type { FailureReason } from '../../ioregion/index.js';
import type { Vm } from '../../kvm/index.js';
import type { GuestMemory } from '../../memory/index.js';
import type { IoregionError, Memfd } from '../../native/index.js';
import type { GsiRoutes } from '../../virtio/interrupt/index.js';
import type { FunctionModuleOptions, LayoutOptions } from '../../virtio/pci/index.js';
import type { SlotOptions } from '../board/board-slots.js';
import type { DeviceSpec } from './device-spec.js';
import type { RemotePort } from './remote-regions.js';

export interface AttachContext {
  readonly vm: Vm;
  readonly memory: GuestMemory;
  /** The routing table of the VM. */
  readonly routes: GsiRoutes;
  /** Where firmware would place the BARs, by number. */
  readonly bars: Readonly<Record<number, number>>;
  /** The GSI of the slot's INTA#; undefined where it has none. */
  readonly pinGsi: number | undefined;
  /** The file that the queues count in. */
  readonly figures: Memfd | null;
  /** The guest runs, or will, before the device is there: its accesses wait for it. Otherwise the device is waited for. */
  readonly isLate: boolean;
  /** The device is gone. */
  readonly onFailure: (error: IoregionError) => void;
}

export interface Attachment {
  readonly slot: Omit<SlotOptions, 'slot'>;
  /** Of a function that is not on the board's thread. */
  readonly state?: RemotePort;
  /** Resolves when the device is there, or rejects with why it is not. */
  readonly arrived: Promise<void>;
  /** An access to its registers has failed, and with that all that come: for functions that do not notice themselves. */
  lost?(reason: FailureReason): void;
  /** The machine is about to end; a vCPU may wait for an access that is under way. */
  ending?(): void;
  /** The vCPUs and the board are gone. */
  close(): Promise<void>;
}

/** Vectors of a device: one per queue, and one for configuration changes. */
export const vectorsOf = ({ queues }: DeviceSpec): number => queues + 1;

export function shapeOf(spec: DeviceSpec): LayoutOptions {
  const { queues, configLength } = spec;
  return { queues, configLength, vectors: vectorsOf(spec), transitional: false };
}

/** What all placements say of a function. */
export function commonOptions(
  { device, cpus }: DeviceSpec,
  { bars, figures }: AttachContext,
): Pick<FunctionModuleOptions, 'device' | 'bars' | 'log' | 'cpus' | 'figures'> {
  const counting = figures === null ? {} : { figures: figures.number };
  return { device, bars, log: 'stderr', ...(cpus === undefined ? {} : { cpus }), ...counting };
}
