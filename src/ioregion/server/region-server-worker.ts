/** Entry of a region server's Worker: loads the devices, says that it is ready, and blocks in `serve`. */
import { parentPort, workerData } from 'node:worker_threads';
import { native, type OrderGroupObject } from '../../native/binding.js';
import { IoregionError } from '../../native/errors.js';
import { setAffinity } from '../../native/thread.js';
import type { RegisterDevice } from '../register-device.js';
import { BlockingServer } from './blocking-server.js';
import type { ServedRegion } from './device-map.js';
import { type DeviceModule, loadDevice } from './device-module.js';
import { type ServerWorkerData, type ServerWorkerMessage, toPlainEnd } from './worker-messages.js';

/** A device that throws at each access must not flood its owner: the rest is only counted. */
const REPORTED_DEVICE_ERRORS = 10;

function send(message: ServerWorkerMessage): void {
  parentPort?.postMessage(message);
}

function deviceErrorReporter(): (error: unknown) => void {
  let reported = 0;
  return (error) => {
    if (reported++ >= REPORTED_DEVICE_ERRORS) return;
    send({ type: 'device-error', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  };
}

/** Entries that name the same device object (the pieces of one region) share the device. */
async function loadRegions(data: ServerWorkerData): Promise<ServedRegion<RegisterDevice>[]> {
  const context = { fds: data.fds, shared: data.shared };
  const modules = [...new Set(data.regions.map((entry) => entry.device))];
  const loaded = await Promise.all(modules.map((module) => loadDevice(module, context)));
  const deviceOf = (module: DeviceModule): RegisterDevice => loaded[modules.indexOf(module)]!;
  return data.regions.map(({ userData = 0, base = 0, device }) => ({ userData, base, device: deviceOf(device) }));
}

async function open(data: ServerWorkerData): Promise<BlockingServer> {
  if (data.cpus !== null) setAffinity(data.cpus);
  const regions = await loadRegions(data);
  const group: OrderGroupObject | null = data.groupId === null ? null : native.orderGroupOpen(data.groupId);
  const { readFd, writeFd, spinNs } = data;
  return new BlockingServer({ readFd, writeFd, regions, group, spinNs, onDeviceError: deviceErrorReporter() });
}

try {
  const server = await open(workerData as ServerWorkerData);
  send({ type: 'ready', serverId: server.id });
  const end = server.serve();
  send({ type: 'ended', end: toPlainEnd(end), stats: server.stats });
} catch (error) {
  const code = error instanceof IoregionError ? error.code : 'ERR_IOREGION_SERVER_WORKER';
  send({ type: 'failed', code, message: error instanceof Error ? error.message : String(error), cause: undefined });
}
