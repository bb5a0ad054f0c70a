import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DevicePort } from '../../../src/ioregion/index.js';
import { Fd } from '../../../src/native/index.js';
import { RemoteWiring } from '../../../src/virtio/pci/index.js';
import { DispatchedBus } from './dispatched-bus.js';
import { type Attach, describeFunction, MEMORY_WINDOW, PIN_GSI, PORT_WINDOW } from './placement.js';

const MODULE = fileURLToPath(new URL('./bus-module.js', import.meta.url));
const CLI = fileURLToPath(new URL('../../../src/cli/ioregion.cjs', import.meta.url));

/** In another process, which reaches the VM by a VM link. */
export const attachProcess: Attach = async ({ vm, memory, routes }, description) => {
  const pin = description.hasPin ? { pinGsi: PIN_GSI } : {};
  const doorbells = [MEMORY_WINDOW, PORT_WINDOW];
  const wiring = new RemoteWiring({ vm, routes, vectors: description.vectors, doorbells, ...pin });
  const { fds, regions } = memory.share();
  const options = describeFunction(description, { ...wiring, memory: { fds: ['memory'], regions } });
  const bus = new DispatchedBus(description);
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-port-'));
  const path = join(directory, 'port');
  const port = DevicePort.listen(path);
  const args = [CLI, 'region-server', '--socket', path, MODULE, '--options', JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  const connection = await port.accept();
  const offers = bus.regions.map(({ name, space, size }, userData) => ({ name, space, size, userData }));
  const channel = connection.offer(offers, { ...wiring.fds, memory: new Fd(fds[0]!) }).get('default')!;
  bus.connect(channel);
  const close = async () => {
    bus.dispatcher.close();
    channel[Symbol.dispose]();
    connection.close();
    port.close();
    rmSync(directory, { recursive: true });
    const [code, signal] = await exited;
    wiring.close();
    if (code !== 0) throw new Error(`the device process ended with ${code ?? signal}`);
  };
  return { vcpu: { dispatcher: bus.dispatcher }, placed: (bars) => bus.placed(bars), close };
};
