/** A function with a vhost-user backend, on the thread of the board. */
import type { SharedMemory } from '../../memory/index.js';
import type { BackendOptions } from '../../vhost-user/index.js';
import { WorkerControl } from '../../virtio/control/index.js';
import { openNotifiers, openSink } from '../../virtio/pci/function-wiring.js';
import { type InterruptWiringOptions, type KickWiringOptions, VirtioPciFunction } from '../../virtio/pci/index.js';

const ENTRY = new URL('../attach/vhost-user-worker.js', import.meta.url);

/** Plain data; descriptors are numbers of this process. */
export interface VhostUserFunction {
  readonly backend: BackendOptions;
  readonly memory: SharedMemory;
  readonly interrupts: InterruptWiringOptions;
  readonly kicks: KickWiringOptions;
  /** What firmware would program: addresses by BAR number. */
  readonly bars: Readonly<Record<number, number>>;
}

/** @throws DeviceWorkerError where there is no such backend, or it does not suit */
export async function openVhostUserFunction(options: VhostUserFunction): Promise<VirtioPciFunction> {
  const { backend, memory, interrupts, kicks, bars } = options;
  const control = await WorkerControl.launch(ENTRY, { backend, memory }, 'stderr');
  const resolve = (fd: number | string): number => Number(fd);
  const notifiers = openNotifiers(kicks, control.description.queueSizes.length, resolve);
  const pciFunction = new VirtioPciFunction({ control, sink: openSink(interrupts, resolve), notifiers });
  for (const [bar, address] of Object.entries(bars)) pciFunction.place(Number(bar), address);
  return pciFunction;
}
