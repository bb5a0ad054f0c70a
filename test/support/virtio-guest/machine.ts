/** A machine with one vCPU, the virtio guest, and a block device on its PCI bus. */
import {
  enterVirtioGuest,
  installVirtioGuest,
  LAYOUT,
  readVirtioResult,
  VIRTIO_GUEST_BYTES,
  type VirtioParameters,
  type VirtioResult,
} from '../../../guests/index.js';
import { Kvm, Vcpu, type VcpuExit } from '../../../src/kvm/index.js';
import { GuestMemory } from '../../../src/memory/index.js';
import { Disposables } from '../../../src/native/index.js';
import { GsiRoutes } from '../../../src/virtio/interrupt/index.js';
import { functionRegionPlaces } from '../../../src/virtio/pci/index.js';
import { attachInline } from './attach-inline.js';
import { attachProcess } from './attach-process.js';
import { attachThread } from './attach-thread.js';
import {
  type Attach,
  type Attachment,
  type FunctionDescription,
  type MachineParts,
  MEMORY_WINDOW,
  PIN_GSI,
  PORT_WINDOW,
} from './placement.js';

const PLACEMENTS = { inline: attachInline, thread: attachThread, process: attachProcess } as const;
export type Placement = keyof typeof PLACEMENTS;

export interface VirtioGuestOptions
  extends Pick<VirtioParameters, 'driver' | 'interrupts' | 'queues' | 'requests' | 'seed'> {
  readonly placement: Placement;
  /** Of the disk. */
  readonly path: string;
  /** A guest that has not ended by then is kicked out. */
  readonly limitMs: number;
}

export interface VirtioGuestRun {
  readonly result: VirtioResult;
  /** How the guest ended: status 0 is success. */
  readonly exit: VcpuExit;
  readonly status: number | null;
}

const BLOCK_MODULE = new URL('../../../src/virtio/devices/blk/index.js', import.meta.url).href;
const BLOCK_CONFIG_BYTES = 60;

/** Runs the guest to its end. */
export async function runVirtioGuest(options: VirtioGuestOptions): Promise<VirtioGuestRun> {
  using undo = new Disposables();
  const memory = undo.use(GuestMemory.create(VIRTIO_GUEST_BYTES));
  const kvm = undo.use(Kvm.open());
  const vm = undo.use(kvm.createVm());
  for (const region of memory.regions) vm.memory.add(region);
  vm.interrupts.createIrqchip();
  const machine = { vm, memory, routes: GsiRoutes.create(vm) };
  const bytes = memory.regions[0]!.mapping.bytes;
  const windows = { memoryWindow: MEMORY_WINDOW.address, portWindow: PORT_WINDOW.address };
  await installVirtioGuest(bytes, { ...options, ...windows, pin: PIN_GSI });
  const exit = await runAttached(kvm, machine, PLACEMENTS[options.placement], options);
  return { result: readVirtioResult(bytes), exit, status: statusOf(exit) };
}

async function runAttached(kvm: Kvm, machine: MachineParts, attach: Attach, options: VirtioGuestOptions) {
  const attachment = await attach(machine, describeBlock(options));
  try {
    const vcpu = await Vcpu.create(machine.vm, 0, attachment.vcpu);
    try {
      vcpu.state.setCpuid(kvm.supportedCpuid());
      enterVirtioGuest(vcpu.state);
      return await runWithin(vcpu, options.limitMs, () => placeBars(machine, attachment));
    } finally {
      await vcpu.close();
    }
  } finally {
    await attachment.close();
  }
}

function describeBlock({ driver, interrupts, queues, path }: VirtioGuestOptions): FunctionDescription {
  const transitional = driver === 'legacy';
  const shape = { queues, vectors: queues + 1, configLength: BLOCK_CONFIG_BYTES, transitional };
  return {
    device: { module: BLOCK_MODULE, options: { path, queues } },
    transitional,
    hasPin: transitional || interrupts === 'pin',
    vectors: shape.vectors,
    places: functionRegionPlaces(shape),
  };
}

function placeBars({ memory }: MachineParts, attachment: Attachment): void {
  attachment.placed(readVirtioResult(memory.regions[0]!.mapping.bytes).bars);
}

async function runWithin(vcpu: Vcpu, limitMs: number, onPlaced: () => void): Promise<VcpuExit> {
  const alarm = setTimeout(() => vcpu.kick(), limitMs);
  try {
    for (;;) {
      const exit = await vcpu.run();
      if (portOf(exit) !== LAYOUT.VIRTIO_PLACED_PORT) return exit;
      onPlaced();
    }
  } finally {
    clearTimeout(alarm);
  }
}

function portOf(exit: VcpuExit): number | null {
  return exit.reason === 'KVM_EXIT_IO' ? exit.port : null;
}

function statusOf(exit: VcpuExit): number | null {
  if (exit.reason !== 'KVM_EXIT_IO' || exit.port !== LAYOUT.GUEST_EXIT_PORT) return null;
  return new DataView(exit.data.buffer, exit.data.byteOffset).getUint32(0, true);
}
