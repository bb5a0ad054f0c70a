/** Which device of a description goes on in which slot of a snapshot: of each kind the first in the lowest slot. */
import type { DeviceSpec } from '../attach/index.js';
import { SnapshotMachineError } from './errors.js';
import { deviceShape, type MachineShape, type PlacedShape } from './manifest.js';

type ShapedSpec = Pick<DeviceSpec, 'name' | 'queues' | 'configLength'>;

/** @throws SnapshotMachineError at the first difference */
export function placeDevices<Spec extends ShapedSpec>(
  saved: MachineShape,
  here: Omit<MachineShape, 'devices'>,
  specs: readonly Spec[],
): ReadonlyMap<number, Spec> {
  differ('number of vCPUs', saved.cpus, here.cpus);
  differ('bytes of memory', saved.memory, here.memory);
  differ('a serial port', saved.serial, here.serial);
  differ('number of devices', saved.devices.length, specs.length);
  const left = [...specs];
  return new Map(saved.devices.map((device) => [device.slot, takeFor(device, left)]));
}

/** Out of those that are left. */
function takeFor<Spec extends ShapedSpec>({ slot, kind, queues, configLength }: PlacedShape, left: Spec[]): Spec {
  const at = left.findIndex((spec) => deviceShape(spec).kind === kind);
  const where = `in slot ${slot}`;
  if (at < 0) throw new SnapshotMachineError(`it has ${where} ${kind}, this one ${deviceShape(left[0]!).kind}`);
  const [spec] = left.splice(at, 1) as [Spec];
  differ(`${where} a number of queues`, queues, spec.queues);
  differ(`${where} bytes of configuration`, configLength, spec.configLength);
  return spec;
}

function differ(what: string, of: unknown, is: unknown): void {
  if (of !== is) throw new SnapshotMachineError(`it has ${what} ${of}, this one ${is}`);
}
