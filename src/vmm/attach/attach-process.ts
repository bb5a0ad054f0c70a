/** A function in a process of its own, started for it: `ioregion region-server`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DeviceConnection, DevicePort, deviceProcessEnvironment } from '../../ioregion/index.js';
import { entryFile } from '../../native/entry-file.js';
import { Fd } from '../../native/index.js';
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

/** @throws DeviceProcessError where the process ends before it serves; nothing is left then */
export async function attachProcess(spec: DeviceSpec, context: AttachContext): Promise<Attachment> {
  const { vm, routes, memory, pinGsi, figures } = context;
  const pin = pinGsi === undefined ? {} : { pinGsi };
  const doorbells = [PCI_MEMORY, PCI_MEMORY_64].map(doorbellRange);
  const wiring = new RemoteWiring({ vm, routes, vectors: vectorsOf(spec), doorbells, ...pin });
  const { fds, regions } = memory.share();
  const names = fds.map((_, index) => `memory-${index}`);
  const { interrupts, kicks } = wiring;
  const counting = figures === null ? {} : { figures: FIGURES };
  const options = { ...commonOptions(spec, context), memory: { fds: names, regions }, interrupts, kicks, ...counting };
  const process = await startProcess(spec, options).catch((error: unknown) => {
    wiring.close();
    throw error;
  });
  const named = Object.fromEntries(names.map((name, index) => [name, new Fd(fds[index]!)]));
  const channel = process.connection
    .offer(remoteRegions(spec), { ...wiring.fds, ...named, ...(figures === null ? {} : { [FIGURES]: figures }) })
    .get('default')!;
  const dispatcher = dispatchTo(spec, channel, DEADLINE_MS, false);
  let closing = false;
  void process.ended.then((reason) => {
    if (!closing) context.onFailure(new DeviceProcessError(spec.name, reason));
  });
  const close = async (): Promise<void> => {
    closing = true;
    dispatcher.close();
    channel[Symbol.dispose]();
    process.connection.close();
    await process.ended;
    wiring.close();
  };
  return { slot: { elsewhere: forwarded(spec, dispatcher) }, state: statePort(spec, dispatcher), close };
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
