import { KvmIoctlError } from '../errors.js';
import { capabilityName } from '../uapi/capabilities.js';
import type { Vm } from '../vm.js';

/** Numbers that the posted patches and their forks gave to KVM_CAP_IOREGIONFD. */
const FORK_NUMBERS = [191, 195, 206] as const;

/** What KVM_CHECK_EXTENSION says for one number that may mean ioregionfd. */
export interface CapabilityAnswer {
  readonly number: number;
  readonly answer: number;
  /** What upstream kernels mean by that number. */
  readonly upstream: string | null;
}

export interface IoregionfdSupport {
  /** The kernel has KVM_SET_IOREGION. */
  readonly supported: boolean;
  /** How it refused a request that no kernel grants: EINVAL where it has the ioctl, ENOTTY where not. */
  readonly refusal: string;
  /** For people only: upstream has given every one of these numbers to something else. */
  readonly capabilities: readonly CapabilityAnswer[];
}

/** The capability numbers to ask for; IOREGION_KVM_CAP names the one of another fork. */
export function ioregionCapabilityNumbers(environment: NodeJS.ProcessEnv = process.env): readonly number[] {
  const configured = environment.IOREGION_KVM_CAP ?? '';
  return /^\d{1,9}$/.test(configured) ? [Number(configured)] : FORK_NUMBERS;
}

/** Whether this kernel can serve ioregions itself. Only the ioctl's own answer counts. */
export function probeIoregionfd(vm: Vm, environment?: NodeJS.ProcessEnv): IoregionfdSupport {
  const refusal = refusalOf(vm);
  const capabilities = ioregionCapabilityNumbers(environment).map((number) => ({
    number,
    answer: vm.capability(number),
    upstream: capabilityName(number) ?? null,
  }));
  return { supported: refusal === 'EINVAL', refusal, capabilities };
}

/** Every revision of the patches refuses a region of no bytes whose writes are not posted, before it looks at the fds. */
function refusalOf(vm: Vm): string {
  try {
    vm.setIoregion({ space: 'mmio', address: 0, size: 0, readFd: vm.fd, writeFd: vm.fd });
    return 'none';
  } catch (error) {
    if (!(error instanceof KvmIoctlError)) throw error;
    return error.errnoName ?? 'unknown';
  }
}
