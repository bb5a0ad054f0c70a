/** What a result says about KVM, from the probe of the host. */
import type { ProbeReport } from '../../src/kvm/index.js';

export interface KvmFacts {
  /** A guest can run. */
  usable: boolean;
  /** Why it is not usable, or null. */
  reason: string | null;
  /** KVM_GET_API_VERSION, or null. */
  api_version: number | null;
  /** The KVM module is PVM, which needs no hardware virtualisation. */
  pvm: boolean;
  /** The hypervisor interprets guest kernel-mode code; null where no guest ran. */
  guest_emulated: boolean | null;
  /** The dispatcher that regions get on this host. */
  dispatcher: string;
}

export function kvmFacts({ kvm, pvm, dispatcher }: ProbeReport): KvmFacts {
  const guest = kvm.available ? kvm.guest : null;
  return {
    usable: guest !== null,
    reason: unusable(kvm),
    api_version: kvm.available ? kvm.apiVersion : null,
    pvm,
    guest_emulated: guest?.emulated ?? null,
    dispatcher: dispatcher.kind,
  };
}

function unusable(kvm: ProbeReport['kvm']): string | null {
  if (!kvm.available) return kvm.message;
  return kvm.guest === null ? 'it does not run a real mode guest' : null;
}
