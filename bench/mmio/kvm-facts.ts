/** Whether the rows with KVM can run here. */
import { Kvm, KvmIoctlError, KvmUnavailableError, KvmVersionError } from '../../src/kvm/index.js';
import type { KvmFacts } from './host.js';

/** Opens /dev/kvm and creates an empty VM: what a container or a nested host may forbid. */
export function kvmFacts(): KvmFacts {
  try {
    using kvm = Kvm.open();
    using _vm = kvm.createVm();
    return { usable: true, reason: null, api_version: kvm.apiVersion };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { usable: false, reason: error.message, api_version: null };
  }
}

function isRefusal(error: unknown): error is Error {
  return [KvmUnavailableError, KvmVersionError, KvmIoctlError].some((refusal) => error instanceof refusal);
}
