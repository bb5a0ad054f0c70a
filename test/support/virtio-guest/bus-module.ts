/** For region servers: the regions of the function, and the ports of its bus. */
import type { DeviceContext, RegisterDevice } from '../../../src/ioregion/device.js';
import createRegion from '../../../src/virtio/pci/function-module.js';
import type { FunctionModuleOptions } from '../../../src/virtio/pci/index.js';
import { busOf, PORTS_REGION } from './pci-bus.js';

export default async function createBusRegion(
  options: FunctionModuleOptions,
  context: DeviceContext,
): Promise<RegisterDevice> {
  if (context.region !== PORTS_REGION.name) return await createRegion(options, context);
  const config = await createRegion({ ...options, region: 'config' }, context);
  return busOf({ config, regions: [] }).ports;
}
