/** Devices as modules: how a device gets into another thread or process. */
import { pathToFileURL } from 'node:url';
import { importModule } from '../../native/import-module.js';
import type { AsyncRegisterDevice, RegisterDevice } from '../register-device.js';
import { DeviceLoadError } from './errors.js';

/** Names a device factory and its options; can be sent to a Worker. */
export interface DeviceModule {
  /** File path or URL of an ES module. */
  readonly module: string;
  /** Name of the exported factory. Default `default`. */
  readonly factory?: string;
  /** Passed to the factory; structured-cloned. */
  readonly options?: unknown;
}

/** What a factory gets besides its options. */
export interface DeviceContext {
  /** Numbers of open files by name, e.g. an eventfd that raises an interrupt. The device must not close them. */
  readonly fds: Readonly<Record<string, number>>;
  /** Memory that the threads of one device share. */
  readonly shared: SharedArrayBuffer | null;
  /** Name of the region that this object serves, as the VMM offered it; empty where it has none. */
  readonly region: string;
}

export type DeviceFactory<Device extends AsyncRegisterDevice = RegisterDevice> = (
  options: never,
  context: DeviceContext,
) => Device | Promise<Device>;

export const NO_CONTEXT: DeviceContext = { fds: {}, shared: null, region: '' };

function toUrl(module: string): string {
  return /^(file|data|node):/.test(module) ? module : pathToFileURL(module).href;
}

/** Imports the module and makes its device. @throws DeviceLoadError */
export async function loadDevice<Device extends object = RegisterDevice>(
  { module, factory = 'default', options }: DeviceModule,
  context: DeviceContext = NO_CONTEXT,
): Promise<Device> {
  try {
    const namespace = await importModule(toUrl(module));
    const make = namespace[factory];
    if (typeof make !== 'function') throw new DeviceLoadError(module, `has no function "${factory}" to export`);
    return await (make as (options: unknown, context: DeviceContext) => Promise<Device>)(options, context);
  } catch (error) {
    if (error instanceof DeviceLoadError) throw error;
    throw new DeviceLoadError(module, error instanceof Error ? error.message : String(error), error);
  }
}
