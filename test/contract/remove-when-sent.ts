/** Removes an MMIO region from another thread at the moment a command for it is out. */
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import type { NativeDispatcher } from 'ioregion/ioregion';
import { Fd, native, waitReadable } from 'ioregion/native';

interface Range {
  readonly gpa: bigint;
  readonly size: bigint;
}

interface RemoverData extends Range {
  readonly fd: number;
  readonly dispatcherId: number;
}

/** Settles once the region is removed and the thread is gone. `device` is the device's end of the region's fd. */
export async function removeWhenSent(device: Fd, dispatcher: NativeDispatcher, range: Range): Promise<void> {
  const data: RemoverData = { ...range, fd: device.number, dispatcherId: dispatcher.id };
  await once(new Worker(new URL(import.meta.url), { workerData: data }), 'exit');
}

function remove({ fd, dispatcherId, gpa, size }: RemoverData): void {
  const dispatcher = native.dispatcherOpen(dispatcherId);
  waitReadable(new Fd(fd), -1);
  native.regionRemove(dispatcher, gpa, size, 0);
  native.dispatcherRelease(dispatcher);
}

if (!isMainThread && 'dispatcherId' in Object(workerData)) remove(workerData as RemoverData);
