/** A machine that is switched on, and what it has counted. */
import type { KvmStats } from '../../kvm/index.js';
import type { AttachedDevice, DeviceFigures, RemotePort } from '../attach/index.js';
import type { CloseList } from '../close-list.js';
import type { MachineMetrics } from '../metrics/machine-metrics.js';
import type { Hardware } from './hardware.js';
import type { VcpuLoop } from './vcpu-loop.js';

export interface PoweredOn {
  readonly hardware: Hardware;
  readonly loops: readonly VcpuLoop[];
  readonly devices: { readonly attached: readonly AttachedDevice[] };
  readonly stats: readonly (KvmStats | null)[];
  readonly closing: CloseList;
  /** Null: the board is on the thread of the only vCPU. */
  readonly boardState: RemotePort | null;
}

/** Until a machine is switched off. */
export interface PowerOnCounts {
  readonly kvm: MachineMetrics['kvm'];
  readonly devices: readonly DeviceFigures[];
}

export function countOf({ stats, devices }: PoweredOn): PowerOnCounts {
  const kvm = stats.map((one) => one?.read() ?? null);
  return { kvm, devices: devices.attached.map((device) => device.figures()) };
}
