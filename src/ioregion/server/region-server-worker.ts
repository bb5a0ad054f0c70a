/** Entry of a region server's Worker: loads the devices, says that it is ready, and when told to blocks in `serve`. */
import { once } from 'node:events';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { native, type OrderGroupObject } from '../../native/binding.js';
import { setAffinity } from '../../native/thread.js';
import type { RegisterDevice } from '../register-device.js';
import { BlockingServer } from './blocking-server.js';
import type { ServedRegion } from './device-map.js';
import { type DeviceModule, loadDevice } from './device-module.js';
import type { ServerEnd } from './end.js';
import { DeviceLoadError } from './errors.js';
import {
  type ServerWorkerData,
  type ServerWorkerMessage,
  type ServerWorkerRequest,
  toPlainEnd,
} from './worker-messages.js';

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

/** Entries that name the same device object (the pieces of one region) share the device, and so its name. */
async function loadRegions(data: ServerWorkerData): Promise<ServedRegion<RegisterDevice>[]> {
  const names = new Map<DeviceModule, string>();
  for (const { device, name = '' } of data.regions) if (!names.has(device)) names.set(device, name);
  const context = { fds: data.fds, shared: data.shared };
  const load = async ([module, region]: [DeviceModule, string]) =>
    [module, await loadDevice(module, { ...context, region })] as const;
  const devices = new Map(await Promise.all([...names].map(load)));
  return data.regions.map(({ userData = 0, base = 0, device }) => ({ userData, base, device: devices.get(device)! }));
}

/** Each once. What fails is reported as what the device throws at accesses. */
async function closeDevices(regions: readonly ServedRegion<RegisterDevice>[]): Promise<void> {
  const report = deviceErrorReporter();
  for (const device of new Set(regions.map((region) => region.device))) {
    try {
      await device.close?.();
    } catch (error) {
      report(error);
    }
  }
}

interface Opened {
  readonly server: BlockingServer;
  readonly regions: readonly ServedRegion<RegisterDevice>[];
}

async function open(data: ServerWorkerData): Promise<Opened> {
  if (data.cpus !== null) setAffinity(data.cpus);
  const regions = await loadRegions(data);
  const group: OrderGroupObject | null = data.groupId === null ? null : native.orderGroupOpen(data.groupId);
  const { readFd, writeFd, spinNs } = data;
  const server = new BlockingServer({ readFd, writeFd, regions, group, spinNs, onDeviceError: deviceErrorReporter() });
  return { server, regions };
}

/** Of the first region whose device answers questions. */
async function answer(regions: readonly ServedRegion<RegisterDevice>[], question: unknown): Promise<void> {
  const asked = regions.find(({ device }) => device.ask !== undefined);
  try {
    send({ type: 'answered', answer: await asked?.device.ask?.(question) });
  } catch (error) {
    send({ type: 'ask-failed', error });
  }
}

/** Requests come by the event loop while it turns, and by `next` while the thread has been in `serve`. */
class Requests {
  readonly #queue: ServerWorkerRequest[] = [];
  readonly #onMessage = (request: ServerWorkerRequest): void => void this.#queue.push(request);

  constructor() {
    parentPort!.on('message', this.#onMessage);
  }

  next(): ServerWorkerRequest | undefined {
    const queued = this.#queue.shift();
    return queued ?? (receiveMessageOnPort(parentPort!)?.message as ServerWorkerRequest | undefined);
  }

  close(): void {
    parentPort!.off('message', this.#onMessage);
  }
}

/** Accesses wait in the fd while questions are answered. */
async function serve({ server, regions }: Opened): Promise<ServerEnd> {
  const requests = new Requests();
  try {
    for (;;) {
      const end = server.serveUntilKicked();
      if (end !== null) return end;
      for (let request = requests.next(); request !== undefined; request = requests.next()) {
        if (request !== 'serve') await answer(regions, request.question);
      }
    }
  } finally {
    requests.close();
  }
}

async function main(): Promise<void> {
  try {
    const { server, regions } = await open(workerData as ServerWorkerData);
    send({ type: 'ready', serverId: server.id });
    await once(parentPort!, 'message'); /* all threads of the device are ready */
    const end = await serve({ server, regions });
    await closeDevices(regions);
    send({ type: 'ended', end: toPlainEnd(end), stats: server.stats });
  } catch (error) {
    const load = error instanceof DeviceLoadError;
    const message = load ? error.reason : error instanceof Error ? error.message : String(error);
    send({ type: 'failed', module: load ? error.module : null, message });
  }
}

void main();
