/** A function on the board's own thread. */
import { arrivalOf } from './arrival.js';
import { type AttachContext, type Attachment, commonOptions } from './attachment.js';
import type { DeviceSpec } from './device-spec.js';

export async function attachInline(spec: DeviceSpec, context: AttachContext): Promise<Attachment> {
  const vm = context.vm.fd.number;
  const { pinGsi } = context;
  const interrupts = { kind: 'kvm', vm, ...(pinGsi === undefined ? {} : { pinGsi }) } as const;
  const here = {
    ...commonOptions(spec, context),
    memory: context.memory.share(),
    interrupts,
    kicks: { kind: 'kvm', vm },
  } as const;
  const { late, arrived } = arrivalOf(spec, context);
  return { slot: { here, ...late }, arrived, close: async () => {} };
}
