/** Loads a device module, TypeScript or JavaScript, as often as asked: each time its own files anew. */
import { register } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { loadDevice } from '../../../ioregion/server/device-module.js';
import type { VirtioDevice } from '../../../virtio/device.js';
import { DeviceKindError } from '../errors.js';
import { LOAD_PARAMETER } from './load-parameter.js';

export class ModuleLoader {
  readonly file: string;
  readonly #options: unknown;
  #loads = 0;

  /**
   * One in a process: the hooks of module loading are the process's. `onSource` hears of each file that is loaded, the
   * module and what it imports, but packages.
   */
  constructor(file: string, options: unknown, onSource: (file: string) => void) {
    this.file = resolve(file);
    this.#options = options;
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (url: string) => onSource(fileURLToPath(url))).unref();
    register('./hooks.js', { parentURL: import.meta.url, data: port2, transferList: [port2] });
  }

  /** DeviceLoadError where the module cannot be loaded or throws; DeviceKindError where it makes something else. */
  async load(): Promise<VirtioDevice> {
    const url = pathToFileURL(this.file);
    if (this.#loads > 0) url.searchParams.set(LOAD_PARAMETER, String(this.#loads));
    this.#loads += 1;
    const device = await loadDevice<VirtioDevice>({ module: url.href, options: this.#options });
    const wrong = whatIsWrong(device);
    if (wrong !== null) throw new DeviceKindError(this.file, wrong);
    return device;
  }
}

function whatIsWrong(device: Partial<VirtioDevice> | null | undefined): string | null {
  if (typeof device !== 'object' || device === null) return `it is ${device}`;
  if (!Number.isInteger(device.deviceType)) return 'deviceType must be a number';
  if (typeof device.features !== 'bigint') return 'features must be a bigint';
  if (!Array.isArray(device.queueSizes)) return 'queueSizes must be an array';
  if (!(device.config?.bytes instanceof Uint8Array)) return 'config.bytes must be a Uint8Array';
  const missing = (['startQueue', 'kick', 'stopQueue'] as const).find((name) => typeof device[name] !== 'function');
  return missing === undefined ? null : `it has no ${missing}()`;
}
