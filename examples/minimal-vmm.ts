/**
 * A VMM of your own: boots a kernel with the serial console here, a disk if one is named, and a device of this file.
 * In a clone after `npm install`: node dist/examples/minimal-vmm.js /boot/vmlinuz initramfs [disk.img]
 */
import { isMainThread } from 'node:worker_threads';
import type { VirtioDevice, VirtQueue } from 'ioregion/virtio';
import { VirtualMachine } from 'ioregion/vmm';

/** An entropy source that always says 4: the machine makes it where `attach` says, here on a thread. */
export default class FourDevice implements VirtioDevice {
  readonly deviceType = 4;
  readonly features = 0n;
  readonly queueSizes = [64];
  readonly config = { bytes: new Uint8Array() };
  #queue: VirtQueue | undefined;

  startQueue(_index: number, queue: VirtQueue): void {
    this.#queue = queue;
  }

  kick(): void {
    for (let chain = this.#queue?.pop(); chain; chain = this.#queue?.pop()) {
      chain.complete(chain.writable.fill(4, 0, chain.writable.byteLength));
    }
    this.#queue?.flush();
  }

  stopQueue(): void {
    this.#queue = undefined;
  }
}

export const createDevice = (): FourDevice => new FourDevice();

async function main(kernel = '/boot/vmlinuz', initrd?: string, disk?: string): Promise<void> {
  const machine = new VirtualMachine({
    kernel,
    ...(initrd === undefined ? {} : { initrd }),
    ...(disk === undefined ? {} : { disks: [{ path: disk, attach: 'inline' as const }] }),
    memory: 256 * 2 ** 20,
    serial: { output: process.stdout, input: process.stdin },
    devices: [
      {
        name: 'four',
        device: { module: import.meta.url, factory: 'createDevice' },
        queues: 1,
        configLength: 0,
        attach: 'thread',
      },
    ],
  });
  await machine.start();
  const end = await machine.ended;
  console.log(`the machine ended: ${end.reason}`);
}

if (isMainThread) await main(...process.argv.slice(2));
