/** The bench device in a process of its own, seen from the harness. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DevicePort, deviceProcessEnvironment } from '../../../src/ioregion/index.js';
import type { Fd } from '../../../src/native/index.js';
import { REGION } from '../bench-device.js';
import type { Cleanup } from '../cleanup.js';
import { DeviceProcessError } from '../errors.js';
import type { PathSetUpOptions } from '../js-runner.js';

const PROGRAM = fileURLToPath(new URL('./device-process-main.js', import.meta.url));

/** Starts it on the device's CPU; returns the VMM's end of its channel. The process ends when that is closed. */
export async function startDeviceProcess(options: PathSetUpOptions, cleanup: Cleanup): Promise<Fd> {
  const path = join(options.directory, `${options.path}-${options.operation}.sock`);
  const port = cleanup.use(DevicePort.listen(path));
  const child = fork(PROGRAM, [path, String(options.cpus.device)], { env: deviceProcessEnvironment() });
  const exited = once(child, 'exit');
  const connection = cleanup.use(await Promise.race([port.accept(), failure(exited)]));
  const channel = connection.offer([{ name: 'bench', space: 'mmio', size: REGION.size }]).get('default')!;
  cleanup.defer(async () => {
    channel.fd.close();
    await exited;
  });
  return channel.fd;
}

async function failure(exited: Promise<unknown[]>): Promise<never> {
  const [code, signal] = await exited;
  throw new DeviceProcessError(`ended before it connected: ${signal ?? `exit status ${code}`}`);
}
