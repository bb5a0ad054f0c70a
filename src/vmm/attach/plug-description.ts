/** What `VirtualMachine.plug` puts in: one device of those that a description can name. */
import type { PlainConsoleOptions } from '../../virtio/devices/console/index.js';
import { MachineOptionError } from '../errors.js';
import type { CustomDeviceOptions, DeviceSpec, Placement } from './device-spec.js';
import { type DiskDescription, deviceSpecs, type NetDescription } from './device-specs.js';

export type PlugDescription =
  | { readonly disk: DiskDescription }
  | { readonly net: NetDescription }
  | { readonly console: PlainConsoleOptions & Placement }
  | { readonly rng: true | Placement }
  | { readonly device: CustomDeviceOptions };

/** @throws MachineOptionError */
export function plugSpec(description: PlugDescription): DeviceSpec {
  const kinds = Object.keys(description);
  if (kinds.length !== 1) throw new MachineOptionError(`one device is plugged in at a time, not ${kinds.length}`);
  const [spec] = deviceSpecs(descriptions(description));
  if (spec === undefined) throw new MachineOptionError(`"${kinds[0]}" is no device that can be plugged in`);
  return spec;
}

function descriptions(one: PlugDescription): Parameters<typeof deviceSpecs>[0] {
  if ('disk' in one) return { disks: [one.disk] };
  if ('net' in one) return { nets: [one.net] };
  if ('console' in one) return { consoles: [one.console] };
  if ('rng' in one) return { rng: one.rng };
  return 'device' in one ? { devices: [one.device] } : {};
}
