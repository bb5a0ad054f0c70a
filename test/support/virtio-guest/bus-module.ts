/** A bus with one virtio function in slot 3, for region servers: the function's regions, and the ports of its configuration space. */
import type { DeviceContext, RegisterDevice } from '../../../src/ioregion/device.js';
import createRegion from '../../../src/virtio/pci/function-module.js';
import { CONFIG_PORTS, ConfigPorts, type FunctionModuleOptions } from '../../../src/virtio/pci/index.js';

export const SLOT = 3;

/** The ports as a region beside those of the function. */
export const PORTS_REGION = {
  name: 'config-ports',
  space: CONFIG_PORTS.space,
  gpa: CONFIG_PORTS.address,
  size: CONFIG_PORTS.size,
  postedWrites: false,
} as const;

export default async function createBusRegion(
  options: FunctionModuleOptions,
  context: DeviceContext,
): Promise<RegisterDevice> {
  if (context.region !== PORTS_REGION.name) return await createRegion(options, context);
  return new ConfigPorts(new Map([[SLOT, await createRegion({ ...options, region: 'config' }, context)]]));
}
