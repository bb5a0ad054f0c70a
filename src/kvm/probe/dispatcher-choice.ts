import type { DispatcherChoice, KvmMissing, KvmPresent } from './report.js';

/** The dispatcher this host gets, and why. */
export function chooseDispatcher(kvm: KvmMissing | KvmPresent): DispatcherChoice {
  if (!kvm.available) return { kind: 'loopback', reason: 'without KVM there are no guests: callers stand for vCPUs' };
  const { supported, refusal } = kvm.ioregionfd;
  if (supported) return { kind: 'kernel', reason: 'this kernel has KVM_SET_IOREGION: accesses never leave KVM_RUN' };
  return {
    kind: 'native',
    reason: `no KVM_SET_IOREGION in this kernel (${refusal}): native code serves KVM exits`,
  };
}
