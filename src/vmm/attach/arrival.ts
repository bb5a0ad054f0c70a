/** How a machine hears of a device that the thread of its board starts: from the device's own thread. */
import { MessageChannel } from 'node:worker_threads';
import { DeviceWorkerError, SharedConfig, type StartReply } from '../../virtio/control/index.js';
import { pciIdentity } from '../../virtio/pci/index.js';
import type { LateArrival } from '../board/board-slots.js';
import { MachineOptionError } from '../errors.js';
import { type AttachContext, shapeOf } from './attachment.js';
import { type DeviceSpec, VHOST_USER } from './device-spec.js';

export interface Arrival {
  /** For the board; nothing for a device that is waited for there. */
  readonly late: { readonly late?: LateArrival };
  /** Resolves when the device is there. @throws DeviceWorkerError, DeviceTypeError, MachineOptionError */
  readonly arrived: Promise<void>;
}

const THERE: Arrival = { late: {}, arrived: Promise.resolve() };

export function arrivalOf(spec: DeviceSpec, { isLate }: Pick<AttachContext, 'isLate'>): Arrival {
  if (!isLate) return THERE;
  const { port1: here, port2: arrival } = new MessageChannel();
  const arrived = new Promise<void>((resolve, reject) => {
    here.once('message', (reply: StartReply) => {
      try {
        resolve(checkStart(spec, reply));
      } catch (error) {
        reject(error);
      }
    });
    here.once('close', () => reject(new DeviceWorkerError('it ended before it was ready')));
  });
  here.unref();
  return { late: { late: { shape: shapeOf(spec), deviceType: spec.deviceType, arrival } }, arrived };
}

function checkStart(spec: DeviceSpec, reply: StartReply): void {
  if (reply.type === 'failed') throw new DeviceWorkerError(reply.message);
  const { deviceType, queueSizes } = reply.description;
  pciIdentity(deviceType, false);
  checkDescribed(spec, 'queues', queueSizes.length, spec.queues);
  if (spec.deviceType === undefined || spec.attach.startsWith(VHOST_USER)) return;
  checkDescribed(spec, 'as its device type', deviceType, spec.deviceType);
  checkDescribed(spec, 'bytes of configuration', SharedConfig.open(reply.config).length, spec.configLength);
}

function checkDescribed({ name }: DeviceSpec, what: string, has: number, described: number): void {
  if (has !== described) throw new MachineOptionError(`${name} has ${has} ${what}, and is described with ${described}`);
}
