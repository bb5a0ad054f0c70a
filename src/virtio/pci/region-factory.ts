/** A function as a device module: its regions are loaded one by one, and belong together. */
import type { DeviceContext, RegisterDevice } from '../../ioregion/device.js';
import { StatePort } from '../state/index.js';
import { PciFunctionError } from './errors.js';
import type { VirtioPciFunction } from './function.js';

export interface FunctionRegionOptions {
  /** `config`, `state` (a StatePort, which is not for the driver), or the name of a part of a BAR (`PciRegion.name`). Default: the name the region was offered by. */
  readonly region?: string;
  /** Which function of this module, where a thread serves several. */
  readonly instance?: string;
}

/**
 * The factory to export from a device module: the first region that a thread asks for makes the function, all get their part
 * of it.
 */
export function regionFactory<Options extends FunctionRegionOptions>(
  create: (options: Options, context: DeviceContext) => VirtioPciFunction | Promise<VirtioPciFunction>,
): (options: Options, context: DeviceContext) => Promise<RegisterDevice> {
  const functions = new Map<string, Promise<VirtioPciFunction>>();
  return async (options, context) => {
    const { instance = '', region = context.region } = options;
    const made = functions.get(instance) ?? Promise.resolve(create(options, context));
    functions.set(instance, made);
    return partOf(await made, region);
  };
}

/** @throws PciFunctionError */
function partOf(pciFunction: VirtioPciFunction, name: string): RegisterDevice {
  const { config, regions } = pciFunction;
  if (name === 'config') return closing(config, pciFunction);
  if (name === 'state') return new StatePort(pciFunction);
  const region = regions.find((one) => one.name === name);
  if (region !== undefined) return region.device;
  const names = regions.map((one) => one.name).join(', ');
  throw new PciFunctionError(`no region "${name}": there are config, state, ${names}`);
}

/** Configuration space, with whose service the function ends. */
function closing(config: RegisterDevice, pciFunction: VirtioPciFunction): RegisterDevice {
  return {
    read: (offset, size) => config.read(offset, size),
    write: (offset, size, value) => config.write(offset, size, value),
    close: () => pciFunction.close(),
  };
}
