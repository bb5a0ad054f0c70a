/** How a machine hears of a device that the thread of its board starts: from the device's own thread. */
import { MessageChannel } from 'node:worker_threads';
import { DeviceWorkerError, type StartReply } from '../../virtio/control/index.js';
import { pciIdentity } from '../../virtio/pci/index.js';
import type { LateArrival } from '../board/board-slots.js';
import { MachineOptionError } from '../errors.js';
import { type AttachContext, shapeOf } from './attachment.js';
import type { DeviceSpec } from './device-spec.js';

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
  return { late: { late: { shape: shapeOf(spec), arrival } }, arrived };
}

function checkStart({ name, queues }: DeviceSpec, reply: StartReply): void {
  if (reply.type === 'failed') throw new DeviceWorkerError(reply.message);
  const { deviceType, queueSizes } = reply.description;
  pciIdentity(deviceType, false);
  if (queueSizes.length === queues) return;
  throw new MachineOptionError(`${name} has ${queueSizes.length} queues, and is described with ${queues}`);
}
