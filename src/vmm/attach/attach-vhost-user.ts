/** A function whose queues a vhost-user backend serves; its registers are on the board's thread. */
import { arrivalOf } from './arrival.js';
import type { AttachContext, Attachment } from './attachment.js';
import { type DeviceSpec, VHOST_USER } from './device-spec.js';

/** Of a device that has backends (see `deviceSpecs`). The backend is connected to when the board is made. */
export async function attachVhostUser(spec: DeviceSpec, context: AttachContext): Promise<Attachment> {
  const { queues, attach } = spec;
  const path = attach.slice(VHOST_USER.length);
  const vm = context.vm.fd.number;
  const { pinGsi, bars } = context;
  const interrupts = { kind: 'kvm', vm, ...(pinGsi === undefined ? {} : { pinGsi }) } as const;
  const backend = { path, deviceType: spec.deviceType!, queues };
  const kicks = { kind: 'kvm', vm } as const;
  const vhostUser = { backend, memory: context.memory.share(), interrupts, kicks, bars, log: 'stderr' } as const;
  const { late, arrived } = arrivalOf(spec, context);
  return { slot: { vhostUser, ...late }, arrived, close: async () => {} };
}
