/** Devices of a machine, each where its description says. */

import type { IoregionError } from '../../native/index.js';
import { functionBars } from '../../virtio/pci/index.js';
import { QueueFigures } from '../../virtio/runner/index.js';
import { closeAll } from '../close-list.js';
import { MachineOptionError } from '../errors.js';
import { Gsi } from '../layout.js';
import { BarAllocator, PCI_SLOTS } from '../pci/index.js';
import { attachInline } from './attach-inline.js';
import { attachVhostUser } from './attach-vhost-user.js';
import { AttachedDevice, figuresFile } from './attached-device.js';
import { type AttachContext, type Attachment, shapeOf } from './attachment.js';
import { type DevicePolicy, type DeviceSpec, VHOST_USER } from './device-spec.js';

export { type AttachedDevice, type DeviceFigures, type DeviceInfo, deviceInfo } from './attached-device.js';
export {
  type Attach,
  type CustomDeviceOptions,
  type DevicePolicy,
  type DeviceSpec,
  isAttach,
  type Placement,
} from './device-spec.js';
export { type DeviceDescriptions, type DiskDescription, deviceSpecs, type NetDescription } from './device-specs.js';
export { type PlugDescription, plugSpec } from './plug-description.js';
export type { RemotePort } from './remote-regions.js';

/** What not every machine needs is not loaded with it. */
const ATTACH: Readonly<Record<string, (spec: DeviceSpec, context: AttachContext) => Promise<Attachment>>> = {
  inline: attachInline,
  thread: async (spec, context) => (await import('./attach-thread.js')).attachThread(spec, context),
  process: async (spec, context) => (await import('./attach-process.js')).attachProcess(spec, context),
};

/** What can be told before there is a VM. @throws what the devices throw, MachineOptionError where there are too many */
export async function checkDevices(specs: readonly DeviceSpec[]): Promise<void> {
  if (specs.length >= PCI_SLOTS) throw new MachineOptionError(`there are ${PCI_SLOTS - 1} slots for devices`);
  for (const { check } of specs) await check?.();
}

/** What all devices need of their machine. */
export interface MachineContext extends Pick<AttachContext, 'vm' | 'memory' | 'routes'> {
  readonly onFailure: (error: IoregionError, policy: DevicePolicy) => void;
}

/**
 * Attaches the devices in their slots, with BARs where firmware would place them, without waiting for any: see
 * `AttachedDevice.arrived`. Where they are not late, the board waits for those on its thread.
 * @throws KvmIoctlError, MachineOptionError; nothing is attached then
 */
export async function attachDevices(
  specs: ReadonlyMap<number, DeviceSpec>,
  context: MachineContext,
  isLate: boolean,
): Promise<AttachedDevice[]> {
  const allocator = new BarAllocator();
  const attached: AttachedDevice[] = [];
  try {
    for (const [slot, spec] of specs)
      attached.push(await attach(spec, { slot, bars: allocator.place(functionBars(shapeOf(spec))), isLate }, context));
    return attached;
  } catch (error) {
    await closeDevices(attached);
    throw error;
  }
}

/** In the opposite order; where one fails, the others are closed all the same. @throws what the first of them throws */
export async function closeDevices(devices: readonly AttachedDevice[]): Promise<void> {
  await closeAll(devices.map((device) => () => device.close()));
}

/** A device that the guest is to find there. Its BARs are for the guest to place. @throws what the device throws; nothing is left then */
export async function attachDevice(spec: DeviceSpec, slot: number, context: MachineContext): Promise<AttachedDevice> {
  const attached = await attach(spec, { slot, bars: {}, isLate: false }, context);
  try {
    await attached.arrived;
    return attached;
  } catch (error) {
    await attached.close();
    throw error;
  }
}

/** `bars`: by number; those that are not named are for the guest to place. */
interface Place extends Pick<AttachContext, 'bars' | 'isLate'> {
  readonly slot: number;
}

/** @throws KvmIoctlError, MachineOptionError; nothing is left then */
async function attach(
  spec: DeviceSpec,
  { slot, ...place }: Place,
  { onFailure, ...context }: MachineContext,
): Promise<AttachedDevice> {
  const attachTo = spec.attach.startsWith(VHOST_USER) ? attachVhostUser : ATTACH[spec.attach]!;
  const failed = (error: IoregionError): void => onFailure(error, spec.policy ?? 'all-ones');
  const file = figuresFile(spec);
  const figures = file === null ? null : QueueFigures.open(file.number, spec.queues);
  const closeFigures = (): void => {
    figures?.close();
    file?.close();
  };
  try {
    const placed = { ...place, pinGsi: pinOf(slot), figures: file, onFailure: failed };
    const attachment = await attachTo(spec, { ...context, ...placed });
    const close = (): Promise<void> => attachment.close().finally(closeFigures);
    return new AttachedDevice(spec, { slot, attachment, figures, close });
  } catch (error) {
    closeFigures();
    throw error;
  }
}

function pinOf(slot: number): number | undefined {
  return slot <= Gsi.pciCount ? Gsi.firstPci + slot - 1 : undefined;
}
