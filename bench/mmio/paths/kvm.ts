/** The KVM paths: a vCPU thread that runs the bench guest, and a device in it, in another thread or in another process. */
import { NativeDispatcher } from '../../../src/ioregion/index.js';
import type { Fd } from '../../../src/native/index.js';
import { REGION } from '../bench-device.js';
import type { Cleanup } from '../cleanup.js';
import { GuestMissingError } from '../errors.js';
import type { PathSetUp, PathSetUpOptions } from '../js-runner.js';
import { MeasuringThread } from '../measuring-thread.js';
import { PATH_FACTS } from '../row.js';
import { startDeviceProcess } from './device-process.js';
import { startDeviceThread } from './device-thread.js';
import { startEventfdDevice } from './eventfd-device.js';
import type { KvmWorkerData } from './kvm-worker.js';

const WORKER = new URL('./kvm-worker.js', import.meta.url);

type StartDevice = (options: PathSetUpOptions, cleanup: Cleanup) => Promise<Fd>;

export const setUpExitInline: PathSetUp = (options, cleanup) =>
  startVcpu(options, cleanup.use(new NativeDispatcher()), { kind: 'inline' }, cleanup);

export const setUpIoeventfd: PathSetUp = async (options, cleanup) => {
  const link = await startEventfdDevice(options.cpus.device, cleanup);
  return startVcpu(options, cleanup.use(new NativeDispatcher()), { kind: 'eventfd', link }, cleanup);
};

/** ioregionfd-thread and ioregionfd-posted. */
export const setUpIoregionfdThread: PathSetUp = (options, cleanup) =>
  setUpIoregionfd(options, cleanup, ({ cpus }) => startDeviceThread(cpus.device, cleanup), true);

export const setUpIoregionfdProcess: PathSetUp = (options, cleanup) =>
  setUpIoregionfd(options, cleanup, startDeviceProcess, false);

async function setUpIoregionfd(
  options: PathSetUpOptions,
  cleanup: Cleanup,
  startDevice: StartDevice,
  trustedPeer: boolean,
): Promise<MeasuringThread> {
  const fd = await startDevice(options, cleanup);
  // Closed before the device, which waits until nobody holds the other end of its channel.
  const dispatcher = cleanup.use(new NativeDispatcher());
  const postedWrites = PATH_FACTS[options.path].posted;
  dispatcher.addRegion({ space: 'mmio', ...REGION, readFd: fd, writeFd: fd, postedWrites, trustedPeer });
  return startVcpu(options, dispatcher, { kind: 'channel' }, cleanup);
}

async function startVcpu(
  { guest, cpus, operation }: PathSetUpOptions,
  dispatcher: NativeDispatcher,
  target: KvmWorkerData['target'],
  cleanup: Cleanup,
): Promise<MeasuringThread> {
  if (guest === null) throw new GuestMissingError();
  const data: KvmWorkerData = { guest, cpu: cpus.vcpu, operation, dispatcherId: dispatcher.id, target };
  return cleanup.use(await MeasuringThread.start(WORKER, data));
}
