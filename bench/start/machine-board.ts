/** The Worker of a vCPU without its vCPU: the modules of the board, and four disks on it, each with a Worker of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { NO_CONTEXT } from '../../src/ioregion/server/device-module.js';
import { VcpuCore } from '../../src/kvm/vcpu/vcpu-core.js';
import type { SharedMemory } from '../../src/memory/index.js';
import { EventFd } from '../../src/native/index.js';
import { createFunction } from '../../src/virtio/pci/index.js';
import { createBoardBus } from '../../src/vmm/board/board-module.js';

const { paths, memory } = workerData as { readonly paths: readonly string[]; readonly memory: SharedMemory };
const module = new URL('../../src/virtio/devices/blk/index.js', import.meta.url).href;
const VECTORS = 2;
/** What a vCPU's thread loads beside the functions. */
const loaded: readonly unknown[] = [VcpuCore, createBoardBus];

async function main(): Promise<void> {
  await Promise.all(
    paths.map((path) => {
      const eventfds = Array.from({ length: VECTORS }, () => EventFd.create().number);
      const interrupts = { kind: 'eventfds', eventfds } as const;
      return createFunction({ device: { module, options: { path } }, memory, interrupts }, NO_CONTEXT);
    }),
  );
  parentPort!.postMessage(`ready: ${loaded.length}`);
}

void main();
