import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { Fd } from '../native/fd.js';
import { checkExtension } from './capability.js';
import { KvmIoctlError, KvmUnavailableError, KvmVersionError } from './errors.js';
import { type Descriptor, decodeList, ioctl, ioctlData } from './ioctl.js';
import { u32 } from './uapi/c-types.js';
import type { CapabilityName } from './uapi/capabilities.js';
import type { IoctlName } from './uapi/ioctls.js';
import { type CpuidEntry, kvmCpuid2, kvmCpuidEntry2, kvmMsrList } from './uapi/vcpu-structs.js';
import { Vm } from './vm.js';

const API_VERSION = 12;
/** The kernel's own limit of CPUID entries (KVM_MAX_CPUID_ENTRIES). */
const MAX_CPUID_ENTRIES = 256;

/** /dev/kvm: what this host can do, and the place where VMs come from. */
export class Kvm {
  readonly fd: Fd;
  /** Bytes to map of each vCPU descriptor. */
  readonly vcpuMmapSize: number;

  private constructor(fd: Fd) {
    this.fd = fd;
    this.vcpuMmapSize = ioctl(fd, 'KVM_GET_VCPU_MMAP_SIZE');
  }

  /**
   * Opens the KVM device.
   *
   * @throws KvmUnavailableError where it is missing or not permitted, KvmVersionError where its API is not version 12
   */
  static open(path = '/dev/kvm'): Kvm {
    const fd = new Fd(openDevice(path));
    try {
      const version = apiVersion(fd, path);
      if (version !== API_VERSION) throw new KvmVersionError(version);
      return new Kvm(fd);
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  get apiVersion(): number {
    return ioctl(this.fd, 'KVM_GET_API_VERSION');
  }

  /** The kernel's answer for a capability: 0 where it is missing, else 1 or a number with a meaning of its own. */
  capability(capability: CapabilityName | number): number {
    return checkExtension(this.fd, capability);
  }

  /** The CPUID leaves that a guest on this host can be given. */
  supportedCpuid(): CpuidEntry[] {
    const data = new Uint8Array(kvmCpuid2.size + MAX_CPUID_ENTRIES * kvmCpuidEntry2.size);
    kvmCpuid2.encodeInto(data, 0, { nent: MAX_CPUID_ENTRIES });
    ioctlData(this.fd, 'KVM_GET_SUPPORTED_CPUID', data);
    return decodeList(data, kvmCpuid2.size, kvmCpuidEntry2, kvmCpuid2.decode(data).nent);
  }

  /** Indices of the MSRs that save and restore a guest. */
  msrIndexList(): number[] {
    return this.#msrList('KVM_GET_MSR_INDEX_LIST');
  }

  /** Indices of the MSRs that describe what this host's CPU can virtualise. */
  msrFeatureIndexList(): number[] {
    return this.#msrList('KVM_GET_MSR_FEATURE_INDEX_LIST');
  }

  #msrList(name: IoctlName): number[] {
    const data = new Uint8Array(kvmMsrList.size + u32.size * msrCount(this.fd, name));
    kvmMsrList.encodeInto(data, 0, { nmsrs: (data.length - kvmMsrList.size) / u32.size });
    ioctlData(this.fd, name, data);
    return decodeList(data, kvmMsrList.size, u32, kvmMsrList.decode(data).nmsrs);
  }

  /** A new, empty VM. Close it when done: it holds memory in the kernel. */
  createVm(): Vm {
    return new Vm(this, new Fd(ioctl(this.fd, 'KVM_CREATE_VM')));
  }

  /** Idempotent. VMs stay open. */
  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openDevice(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    throw unavailable(path, error);
  }
}

function unavailable(path: string, error: unknown): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  return code === undefined || errno === undefined ? error : new KvmUnavailableError(path, code, -errno, error);
}

/** A device that does not know the first KVM ioctl is not KVM. */
function apiVersion(fd: Fd, path: string): number {
  try {
    return ioctl(fd, 'KVM_GET_API_VERSION');
  } catch (error) {
    if (!(error instanceof KvmIoctlError)) throw error;
    throw new KvmUnavailableError(path, error.errnoName ?? 'ENOTTY', error.errno ?? constants.errno.ENOTTY, error);
  }
}

/** Asked for no MSR at all, the kernel refuses with E2BIG and leaves the number there is. */
function msrCount(fd: Descriptor, name: IoctlName): number {
  const data = kvmMsrList.encode({ nmsrs: 0 });
  try {
    ioctlData(fd, name, data);
  } catch (error) {
    if (!(error instanceof KvmIoctlError) || error.errnoName !== 'E2BIG') throw error;
  }
  return kvmMsrList.decode(data).nmsrs;
}
