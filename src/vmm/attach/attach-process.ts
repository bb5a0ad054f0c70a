/** A function in a process of its own, started for it. */
import { explainFailure, type FailureReason } from '../../ioregion/dispatcher/failure.js';
import { Fd, socketpair, undoOnFailure } from '../../native/index.js';
import { RemoteWiring } from '../../virtio/pci/index.js';
import { DeviceProcessError } from '../errors.js';
import { PCI_MEMORY, PCI_MEMORY_64, type Range } from '../layout.js';
import { type AttachContext, type Attachment, commonOptions, vectorsOf } from './attachment.js';
import { DeviceProcess } from './device-process.js';
import type { DeviceSpec } from './device-spec.js';
import { dispatchTo, forwarded, remoteRegions, statePort } from './remote-regions.js';

/** Name of the file that the queues count in. */
const FIGURES = 'figures';
/** The longest wait for an access, ms: a device process that is stuck is reported then, and ended. */
const DEADLINE_MS = 30_000;

/**
 * `arrived` rejects with DeviceProcessError where the process ends before its device is there.
 * @throws KvmIoctlError, SystemError; nothing is left then
 */
export async function attachProcess(spec: DeviceSpec, context: AttachContext): Promise<Attachment> {
  const { vm, routes, pinGsi } = context;
  const pin = pinGsi === undefined ? {} : { pinGsi };
  const doorbells = [PCI_MEMORY, PCI_MEMORY_64].map(doorbellRange);
  return undoOnFailure((undo) => {
    const wiring = undo.use(new RemoteWiring({ vm, routes, vectors: vectorsOf(spec), doorbells, ...pin }));
    const [here, there] = socketpair('seqpacket');
    undo.use(there);
    const dispatcher = dispatchTo(spec, { readFd: here, writeFd: here }, DEADLINE_MS, false);
    undo.defer(() => dispatcher.close());
    here.close();
    const { options, files } = describe(spec, context, wiring);
    const process = DeviceProcess.start(spec, options);
    /* Accesses that come before wait in the socket; with a process that does not start it is closed. */
    const arrived = process.connection
      .then((connection) => connection.offer(remoteRegions(spec), files, { default: there }))
      .finally(() => there.close())
      .then(() => process.ready());
    const { lost, ending, close } = supervise(process, arrived, (reason) => {
      context.onFailure(new DeviceProcessError(spec.name, reason));
    });
    const closeAll = async (): Promise<void> => {
      dispatcher.close();
      await close();
      wiring.close();
    };
    const slot = { elsewhere: forwarded(spec, dispatcher, context.bars) };
    return { slot, state: statePort(spec, dispatcher), arrived, lost, ending, close: closeAll };
  });
}

/** What the process is told, and the files that it gets with it, by name. */
function describe(spec: DeviceSpec, context: AttachContext, { fds: wires, interrupts, kicks }: RemoteWiring) {
  const { memory, figures } = context;
  const { fds, regions } = memory.share();
  const names = fds.map((_, index) => `memory-${index}`);
  const counting = figures === null ? {} : { figures: FIGURES };
  const options = { ...commonOptions(spec, context), memory: { fds: names, regions }, interrupts, kicks, ...counting };
  const named = Object.fromEntries(names.map((name, index) => [name, new Fd(fds[index]!)]));
  return { options, files: { ...wires, ...named, ...(figures === null ? {} : { [FIGURES]: figures }) } };
}

function doorbellRange({ start, end }: Range) {
  return { space: 'mmio', address: start, size: end - start } as const;
}

/**
 * Tells of a process that is gone once, unless it is closed. One that has lost its registers, because it is stuck, stopped or lying,
 * must not go on with the queues: it is killed.
 */
function supervise(process: DeviceProcess, arrived: Promise<void>, onGone: (reason: string) => void) {
  let told = false;
  const tell = (reason: string): void => {
    if (!told) onGone(reason);
    told = true;
  };
  const tellOnceArrived = (reason: string): void => {
    arrived.then(
      () => tell(reason),
      () => {} /* told by `arrived` */,
    );
  };
  void process.ended.then(tellOnceArrived);
  const lost = (reason: FailureReason): void => {
    if (told) return;
    const why = explainFailure(reason);
    process.kill(why);
    /* What has died says more of it itself. */
    if (reason !== 'peer-closed') tellOnceArrived(why);
  };
  /* One that is stopped or stuck may hold a vCPU in an access: that ends with it. */
  const ending = (): void => {
    told = true;
    process.limit();
  };
  const close = async (): Promise<void> => {
    ending();
    await process.end();
  };
  return { lost, ending, close };
}
