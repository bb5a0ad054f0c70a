import { type Attach, describeFunction, PIN_GSI } from './placement.js';

/** On the vCPU's own Worker. */
export const attachInline: Attach = async ({ vm, memory }, description) => {
  const number = vm.fd.number;
  const pin = description.hasPin ? { pinGsi: PIN_GSI } : {};
  const options = describeFunction(description, {
    memory: memory.share(),
    interrupts: { kind: 'kvm', vm: number, ...pin },
    kicks: { kind: 'kvm', vm: number },
  });
  const exitHandler = { module: new URL('./inline-bus.js', import.meta.url).href, options };
  return { vcpu: { exitHandler }, placed: () => {}, close: async () => {} };
};
