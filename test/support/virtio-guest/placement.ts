/** Where the registers of the function are served, and how the guest's choice of BARs gets there. */
import type { VcpuOptions } from '../../../src/kvm/index.js';
import type { Vm } from '../../../src/kvm/vm.js';
import type { GuestMemory } from '../../../src/memory/index.js';
import type { GsiRoutes } from '../../../src/virtio/interrupt/index.js';
import type { FunctionModuleOptions, RegionPlace } from '../../../src/virtio/pci/index.js';

export interface MachineParts {
  readonly vm: Vm;
  readonly memory: GuestMemory;
  readonly routes: GsiRoutes;
}

/** The function, without what depends on its place. Its kicks are ioeventfds. */
export interface FunctionDescription {
  readonly device: FunctionModuleOptions['device'];
  readonly transitional: boolean;
  /** Whether the driver gets a pin instead of MSI-X. */
  readonly hasPin: boolean;
  readonly vectors: number;
  /** The parts of its BARs. */
  readonly places: readonly RegionPlace[];
}

/** Where the guest may place BARs, and the GSI that INTA# is wired to. */
export const MEMORY_WINDOW = { space: 'mmio', address: 0xe000_0000, size: 0x10_0000 } as const;
export const PORT_WINDOW = { space: 'pio', address: 0xc000, size: 0x1000 } as const;
export const PIN_GSI = 17;

export interface PlacedBar {
  readonly bar: number;
  readonly address: number;
}

export interface Attachment {
  readonly vcpu: VcpuOptions;
  /** The guest has placed the BARs. */
  placed(bars: readonly PlacedBar[]): void;
  close(): Promise<void>;
}

export type Attach = (machine: MachineParts, description: FunctionDescription) => Promise<Attachment>;

type Wiring = Pick<FunctionModuleOptions, 'memory' | 'interrupts' | 'kicks'>;

export function describeFunction({ device, transitional }: FunctionDescription, wiring: Wiring): FunctionModuleOptions {
  return { ...wiring, device, dataPlane: 'worker', log: 'stderr', function: { transitional } };
}
