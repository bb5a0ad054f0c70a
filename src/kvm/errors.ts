import { IoregionError } from '../native/errors.js';
import { ioctlHint, unavailableHint } from './hints.js';
import type { IoctlName } from './uapi/ioctls.js';

/** /dev/kvm cannot be opened, or is not the KVM API 12 that every kernel since 2007 has. */
export class KvmUnavailableError extends IoregionError {
  /** What the user can do about it. */
  readonly hint: string;

  constructor(path: string, errnoName: string, errno: number, cause?: unknown) {
    const hint = unavailableHint(errnoName);
    super('ERR_IOREGION_KVM_UNAVAILABLE', `cannot open ${path}: ${errnoName}; ${hint}`, {
      errno,
      errnoName,
      syscall: 'open',
      cause,
    });
    this.hint = hint;
  }
}

/** The kernel speaks another version of the KVM API than 12. */
export class KvmVersionError extends IoregionError {
  constructor(readonly version: number) {
    super('ERR_IOREGION_KVM_VERSION', `the kernel speaks KVM API version ${version}, ioregion needs 12`);
  }
}

/** The kernel refused a KVM ioctl. */
export class KvmIoctlError extends IoregionError {
  readonly ioctl: IoctlName;
  /** What the caller can do about it, where that is known. */
  readonly hint: string | undefined;

  constructor(ioctl: IoctlName, errnoName: string, errno: number, cause?: unknown) {
    const hint = ioctlHint(ioctl, errnoName);
    const advice = hint === undefined ? '' : `: ${hint}`;
    super('ERR_IOREGION_KVM_IOCTL', `ioctl(${ioctl}) failed with ${errnoName}${advice}`, {
      errno,
      errnoName,
      syscall: `ioctl(${ioctl})`,
      cause,
    });
    this.ioctl = ioctl;
    this.hint = hint;
  }
}

/** KVM_GET_MSRS or KVM_SET_MSRS stopped at an MSR that this host does not have, or at a value it does not take. */
export class KvmMsrError extends IoregionError {
  constructor(
    ioctl: 'KVM_GET_MSRS' | 'KVM_SET_MSRS',
    /** The MSR refused. */
    readonly index: number,
    /** How many MSRs before it were handled. */
    readonly handled: number,
  ) {
    super('ERR_IOREGION_KVM_MSR', `ioctl(${ioctl}) refused MSR 0x${index.toString(16)} after ${handled} others`, {
      syscall: `ioctl(${ioctl})`,
    });
  }
}

/** What is to be restored is not the state of a vCPU of this host (`ERR_IOREGION_KVM_SAVED_STATE`). */
export class KvmSavedStateError extends IoregionError {
  constructor(problem: string) {
    super('ERR_IOREGION_KVM_SAVED_STATE', `the saved state of a vCPU cannot be restored: ${problem}`);
  }
}

/** A value does not fit the field of a kernel structure. */
export class KvmFieldRangeError extends IoregionError {
  constructor(
    /** Path of the field, e.g. `kvm_irqfd.gsi`. */
    readonly field: string,
    value: number | bigint,
    size: number,
  ) {
    super('ERR_IOREGION_KVM_FIELD_RANGE', `${field} = ${value} does not fit its ${size} byte(s)`);
  }
}

/** The coalesced MMIO ring holds an index or a length that the kernel never writes. */
export class KvmCoalescedRingError extends IoregionError {
  constructor(field: 'first' | 'last' | 'length', value: number) {
    super('ERR_IOREGION_KVM_COALESCED_RING', `the coalesced ring is damaged: ${field} = ${value}`);
  }
}

/** A memory slot was used although it is free, or added although it is in use. */
export class KvmSlotError extends IoregionError {
  constructor(
    readonly slot: number,
    problem: string,
  ) {
    super('ERR_IOREGION_KVM_SLOT', `memory slot ${slot} ${problem}`);
  }
}

/** The guest that measures a host's speed left in an unexpected way. */
export class ProbeGuestError extends IoregionError {
  constructor(exitName: string) {
    super('ERR_IOREGION_PROBE_GUEST', `the guest that measures speed stopped with ${exitName}`);
  }
}
