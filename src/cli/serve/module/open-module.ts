/** A device from a module: loaded now, and again whenever its source changes where that was asked for. */
import { ReloadableDevice } from '../../../virtio/reload/index.js';
import { log } from '../log.js';
import type { ServedDevice } from '../serve.js';
import { ModuleLoader } from './module-loader.js';
import { SourceWatch } from './source-watch.js';

/** DeviceLoadError or DeviceKindError where it makes none. */
export async function openModule(file: string, options: unknown, watch: boolean): Promise<ServedDevice> {
  if (!watch) return { name: file, device: await new ModuleLoader(file, options, () => {}).load() };
  const sources = new SourceWatch(() => void reload(device, loader));
  const loader = new ModuleLoader(file, options, (source) => sources.add(source));
  const device = new ReloadableDevice(await loader.load());
  return { name: file, device, close: () => sources.close() };
}

async function reload(device: ReloadableDevice, loader: ModuleLoader): Promise<void> {
  try {
    await device.replace(await loader.load());
    log(`${loader.file} has changed: its new version serves`);
  } catch (error) {
    log(`${loader.file} has changed, but the old version goes on: ${(error as Error).message}`);
  }
}
