/** A backend with an echo device on a thread of its own: for transports that block the thread of the test. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { BackendServer } from '../../../src/vhost-user/index.js';
import createEchoDevice, { type EchoOptions } from '../echo-device.js';

interface EchoBackendData {
  readonly path: string;
  readonly options: EchoOptions;
}

/** Resolves when it listens at `path`. Ended with `terminate`. */
export async function startEchoBackend(path: string, options: EchoOptions): Promise<Worker> {
  const data: EchoBackendData = { path, options };
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  await once(worker, 'message');
  return worker;
}

function serve({ path, options }: EchoBackendData): void {
  BackendServer.listen(path, { device: createEchoDevice(options) });
  parentPort!.postMessage('listening');
}

// Test runners have threads of their own, with data of their own.
const data = workerData as Partial<EchoBackendData> | null;
if (!isMainThread && data?.path !== undefined && data.options !== undefined) serve(data as EchoBackendData);
