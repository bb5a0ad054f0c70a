/** Devices of a machine, each where its description says. */

import type { IoregionError } from '../../native/index.js';
import { functionBars } from '../../virtio/pci/index.js';
import { QueueFigures } from '../../virtio/runner/index.js';
import { MachineOptionError } from '../errors.js';
import { Gsi } from '../layout.js';
import { BarAllocator, PCI_SLOTS } from '../pci/index.js';
import { attachInline } from './attach-inline.js';
import { attachProcess } from './attach-process.js';
import { attachThread } from './attach-thread.js';
import { attachVhostUser } from './attach-vhost-user.js';
import { AttachedDevice, figuresFile } from './attached-device.js';
import { type AttachContext, type Attachment, vectorsOf } from './attachment.js';
import { type DevicePolicy, type DeviceSpec, VHOST_USER } from './device-spec.js';

export type { AttachedDevice, DeviceFigures } from './attached-device.js';
export {
  type Attach,
  type CustomDeviceOptions,
  type DevicePolicy,
  type DeviceSpec,
  isAttach,
  type Placement,
} from './device-spec.js';
export { type DeviceDescriptions, type DiskDescription, deviceSpecs, type NetDescription } from './device-specs.js';
export type { RemotePort } from './remote-regions.js';

const ATTACH: Readonly<Record<string, (spec: DeviceSpec, context: AttachContext) => Promise<Attachment>>> = {
  inline: attachInline,
  thread: attachThread,
  process: attachProcess,
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
 * Attaches the devices in the slots from 1 on; `closing` gets what must happen at the end.
 * @throws what the devices throw
 */
export async function attachDevices(
  specs: readonly DeviceSpec[],
  { onFailure, ...context }: MachineContext,
  closing: (() => Promise<void>)[],
): Promise<AttachedDevice[]> {
  const allocator = new BarAllocator();
  const attached: AttachedDevice[] = [];
  for (const [index, spec] of specs.entries()) {
    const { queues, configLength } = spec;
    const bars = allocator.place(functionBars({ queues, configLength, vectors: vectorsOf(spec), transitional: false }));
    const pinGsi = index < Gsi.pciCount ? Gsi.firstPci + index : undefined;
    const attach = spec.attach.startsWith(VHOST_USER) ? attachVhostUser : ATTACH[spec.attach]!;
    const failed = (error: IoregionError): void => onFailure(error, spec.policy ?? 'all-ones');
    const file = figuresFile(spec);
    const figures = file === null ? null : QueueFigures.open(file.number, queues);
    closing.push(async () => {
      figures?.close();
      file?.close();
    });
    const attachment = await attach(spec, { ...context, bars, pinGsi, figures: file, onFailure: failed });
    closing.push(() => attachment.close());
    attached.push(new AttachedDevice(spec, { slot: index + 1, ...attachment.slot }, figures, attachment.state ?? null));
  }
  return attached;
}
