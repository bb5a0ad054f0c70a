/** A function in a process of its own, started for it: `ioregion region-server`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DeviceConnection, DevicePort, deviceProcessEnvironment } from '../../ioregion/index.js';
import { entryFile } from '../../native/entry-file.js';
import { Fd, socketpair } from '../../native/index.js';
import { FUNCTION_MODULE, RemoteWiring } from '../../virtio/pci/index.js';
import { DeviceProcessError } from '../errors.js';
import { PCI_MEMORY, PCI_MEMORY_64, type Range } from '../layout.js';
import { type AttachContext, type Attachment, commonOptions, vectorsOf } from './attachment.js';
import type { DeviceSpec } from './device-spec.js';
import { dispatchTo, forwarded, remoteRegions, statePort } from './remote-regions.js';

const COMMAND = fileURLToPath(entryFile(new URL('../../cli/main.js', import.meta.url), 'ioregion.cjs'));
/** Name of the file that the queues count in. */
const FIGURES = 'figures';
/** The longest wait for an access, ms: a device process that is stuck is reported then. */
const DEADLINE_MS = 30_000;

/** `arrived` rejects with DeviceProcessError where the process ends before it serves. @throws KvmIoctlError; nothing is left then */
export async function attachProcess(spec: DeviceSpec, context: AttachContext): Promise<Attachment> {
  const { vm, routes, memory, pinGsi, figures, bars } = context;
  const pin = pinGsi === undefined ? {} : { pinGsi };
  const doorbells = [PCI_MEMORY, PCI_MEMORY_64].map(doorbellRange);
  const wiring = new RemoteWiring({ vm, routes, vectors: vectorsOf(spec), doorbells, ...pin });
  const { fds, regions } = memory.share();
  const names = fds.map((_, index) => `memory-${index}`);
  const { interrupts, kicks } = wiring;
  const counting = figures === null ? {} : { figures: FIGURES };
  const options = { ...commonOptions(spec, context), memory: { fds: names, regions }, interrupts, kicks, ...counting };
  const named = Object.fromEntries(names.map((name, index) => [name, new Fd(fds[index]!)]));
  const files = { ...wiring.fds, ...named, ...(figures === null ? {} : { [FIGURES]: figures }) };
  const [here, there] = socketpair('seqpacket');
  const dispatcher = dispatchTo(spec, { readFd: here, writeFd: here }, DEADLINE_MS, false);
  here.close();
  /* Accesses that come before wait in the socket; with a process that does not start it is closed. */
  const arrived = startProcess(spec, options)
    .then((process) => offered(process, spec, files, there))
    .finally(() => there.close());
  let closing = false;
  arrived.then(
    ({ ended }) =>
      ended.then((reason) => {
        if (!closing) context.onFailure(new DeviceProcessError(spec.name, reason));
      }),
    () => {} /* told by `arrived` */,
  );
  const close = async (): Promise<void> => {
    closing = true;
    dispatcher.close();
    const process = await arrived.catch(() => null);
    process?.connection.close();
    await process?.ended;
    wiring.close();
  };
  const slot = { elsewhere: forwarded(spec, dispatcher, bars) };
  return { slot, state: statePort(spec, dispatcher), arrived: arrived.then(() => {}), close };
}

/** The process gets its end of the channel. */
function offered(process: DeviceProcess, spec: DeviceSpec, files: Readonly<Record<string, Fd>>, channel: Fd) {
  process.connection.offer(remoteRegions(spec), files, { default: channel });
  return process;
}

function doorbellRange({ start, end }: Range) {
  return { space: 'mmio', address: start, size: end - start } as const;
}

interface DeviceProcess {
  readonly connection: DeviceConnection;
  readonly ended: Promise<string>;
}

async function startProcess({ name, isBuiltIn, cpus, spinNs }: DeviceSpec, options: unknown): Promise<DeviceProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-device-'));
  const port = DevicePort.listen(join(directory, 'port'));
  try {
    const args = [
      ...['region-server', '--socket', join(directory, 'port'), '--options', JSON.stringify(options)],
      ...(cpus === undefined ? [] : ['--cpu', cpus.join('+')]),
      ...(spinNs === undefined ? [] : ['--spin', String(spinNs)]),
    ];
    /* Out of reach of a terminal's signals: it ends when its machine hangs up, however that ends. */
    const child = spawn(process.execPath, [COMMAND, ...args, fileURLToPath(FUNCTION_MODULE)], {
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
      ...(isBuiltIn === true ? { env: deviceProcessEnvironment() } : {}),
    });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `status ${code}`}`));
    });
    const early = ended.then((reason) => {
      throw new DeviceProcessError(name, reason);
    });
    early.catch(() => {});
    return { connection: await Promise.race([port.accept(), early]), ended };
  } finally {
    port.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
