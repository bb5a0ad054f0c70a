import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { IoregionError } from '../../native/errors.js';
import { Kvm } from '../kvm.js';
import type { Vm } from '../vm.js';
import { chooseDispatcher } from './dispatcher-choice.js';
import { type GuestSpeed, measureGuestSpeed } from './guest-speed.js';
import { countIoeventfds, IOEVENTFDS_TRIED } from './ioeventfd-limit.js';
import { probeIoregionfd } from './ioregionfd-support.js';
import { PROBED_CAPABILITIES, type ProbedCapability } from './probed-capabilities.js';
import type { KvmMissing, KvmPresent, ProbeReport } from './report.js';

const PVM_MODULE = '/sys/module/kvm_pvm';

export interface ProbeOptions {
  /** Default /dev/kvm. */
  readonly device?: string;
}

/** Looks at this host. It changes nothing and takes a few milliseconds; a host without KVM is a result, not an error. */
export function probeHost({ device }: ProbeOptions = {}): ProbeReport {
  const kvm = probeKvm(device);
  return { kernel: release(), pvm: existsSync(PVM_MODULE), kvm, dispatcher: chooseDispatcher(kvm) };
}

function probeKvm(device?: string): KvmMissing | KvmPresent {
  try {
    using kvm = Kvm.open(device);
    return describe(kvm);
  } catch (error) {
    if (error instanceof IoregionError) return missing(error);
    throw error;
  }
}

function missing(error: IoregionError & { readonly hint?: string | undefined }): KvmMissing {
  const { code, message, errnoName = null, hint = null } = error;
  return { available: false, code, message, errno: errnoName, hint };
}

function describe(kvm: Kvm): KvmPresent {
  using vm = kvm.createVm();
  const names = Object.keys(PROBED_CAPABILITIES) as ProbedCapability[];
  const capabilities = Object.fromEntries(names.map((name) => [name, kvm.capability(name)]));
  return {
    available: true,
    apiVersion: kvm.apiVersion,
    capabilities: capabilities as Record<ProbedCapability, number>,
    ioeventfds: { tried: IOEVENTFDS_TRIED, assigned: countIoeventfds(vm.ioeventfds) },
    ioregionfd: probeIoregionfd(vm),
    guest: guestSpeed(vm),
  };
}

/** A host may have a KVM that cannot run even this guest; the rest of the report is worth having all the same. */
function guestSpeed(vm: Vm): GuestSpeed | null {
  try {
    return measureGuestSpeed(vm);
  } catch (error) {
    if (error instanceof IoregionError) return null;
    throw error;
  }
}
