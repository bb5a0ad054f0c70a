/** Kicks a loopback caller from another thread at the moment its command is out, so that it waits for the response. */
import { Worker, workerData } from 'node:worker_threads';
import { kickLoopbackCaller, type LoopbackCaller } from 'ioregion/ioregion';
import { Fd, waitReadable } from 'ioregion/native';

interface KickData {
  /** The device's end of the channel. */
  readonly fd: number;
  readonly callerId: number;
}

/** Settles once the kick was given and the thread is gone. */
export function kickWhenSent(device: Fd, caller: LoopbackCaller): Promise<number> {
  const data: KickData = { fd: device.number, callerId: caller.id };
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  return new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
}

function isKickData(value: unknown): value is KickData {
  return typeof value === 'object' && value !== null && 'callerId' in value && 'fd' in value;
}

if (isKickData(workerData)) {
  waitReadable(new Fd(workerData.fd), -1);
  kickLoopbackCaller(workerData.callerId);
}
