import type { GuestSpeed } from './guest-speed.js';
import type { IoregionfdSupport } from './ioregionfd-support.js';
import type { ProbedCapability } from './probed-capabilities.js';

/** A host whose KVM cannot be used. */
export interface KvmMissing {
  readonly available: false;
  /** Code of the error, e.g. ERR_IOREGION_KVM_UNAVAILABLE. */
  readonly code: string;
  readonly message: string;
  /** E.g. ENOENT. */
  readonly errno: string | null;
  readonly hint: string | null;
}

/** A host whose KVM can. */
export interface KvmPresent {
  readonly available: true;
  readonly apiVersion: number;
  /** The kernel's answers; 0 where something is missing. */
  readonly capabilities: Readonly<Record<ProbedCapability, number>>;
  /** Of the `tried` ioeventfds so many could be assigned. */
  readonly ioeventfds: { readonly tried: number; readonly assigned: number };
  readonly ioregionfd: IoregionfdSupport;
  /** null where the tiny guest did not run. */
  readonly guest: GuestSpeed | null;
}

/** Who turns guest accesses into ioregion commands on this host. */
export interface DispatcherChoice {
  readonly kind: 'kernel' | 'native' | 'loopback';
  readonly reason: string;
}

/** What `ioregion probe` found. Plain data. */
export interface ProbeReport {
  /** Kernel release, as uname -r prints it. */
  readonly kernel: string;
  /** The KVM module of this host is PVM, which needs no hardware virtualisation. */
  readonly pvm: boolean;
  readonly kvm: KvmMissing | KvmPresent;
  readonly dispatcher: DispatcherChoice;
}
