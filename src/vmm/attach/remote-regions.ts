/** The regions of a function elsewhere, at addresses of their own dispatcher, where the board's accesses go. */
import { NativeDispatcher, type RegionFds } from '../../ioregion/index.js';
import { functionRegionPlaces } from '../../virtio/pci/index.js';
import { CONFIG_SPACE_SIZE } from '../../virtio/spec/pci-config-space.js';
import { STATE_PORT_BYTES } from '../../virtio/state/index.js';
import type { ForwardedFunction } from '../pci/index.js';
import { shapeOf } from './attachment.js';
import type { DeviceSpec } from './device-spec.js';

/** Regions are apart by this much: more than any BAR has. */
const STRIDE = 2 ** 28;

export interface RemoteRegion {
  readonly name: string;
  readonly space: 'mmio';
  readonly gpa: number;
  readonly size: number;
  readonly userData: number;
}

/** Where a Suspendable answers on another thread or in another process: plain data, for Workers. */
export interface RemotePort {
  /** For messages. */
  readonly name: string;
  /** `NativeDispatcher.id`. */
  readonly dispatcher: number;
  /** Address in MMIO space: none that a guest reaches. */
  readonly address: number;
}

/** Configuration space, then the parts of the BARs, and the state. */
export function remoteRegions(spec: DeviceSpec): RemoteRegion[] {
  const state = { name: 'state', size: STATE_PORT_BYTES };
  const places = [{ name: 'config', size: CONFIG_SPACE_SIZE }, ...placesOf(spec), state];
  return places.map(({ name, size }, userData) => {
    return { name, size, userData, space: 'mmio', gpa: userData * STRIDE };
  });
}

/** Adds them to a dispatcher of their own. */
export function dispatchTo(
  spec: DeviceSpec,
  fds: RegionFds,
  deadlineMs: number,
  trustedPeer: boolean,
): NativeDispatcher {
  const dispatcher = new NativeDispatcher();
  for (const { name: _, ...region } of remoteRegions(spec)) {
    dispatcher.addRegion({ ...region, ...fds, deadlineMs, trustedPeer });
  }
  return dispatcher;
}

export function forwarded(
  spec: DeviceSpec,
  dispatcher: NativeDispatcher,
  firmware: ForwardedFunction['firmware'],
): ForwardedFunction {
  const regions = placesOf(spec).map(({ bar, space, offset, size }, index) => {
    return { bar, space, offset, size, address: (index + 1) * STRIDE };
  });
  return { dispatcher: dispatcher.id, config: 0, firmware, regions };
}

export function statePort(spec: DeviceSpec, { id }: NativeDispatcher): RemotePort {
  return { name: spec.name, dispatcher: id, address: (placesOf(spec).length + 1) * STRIDE };
}

const placesOf = (spec: DeviceSpec) => functionRegionPlaces(shapeOf(spec));
