/** Advice for errors that the user or the caller can act on. */
import type { IoctlName } from './uapi/ioctls.js';

type ErrnoHints = Readonly<Record<string, string>>;

const UNAVAILABLE: ErrnoHints = {
  ENOENT: 'modprobe kvm_intel or kvm_amd; in a VM, enable nested virtualisation first',
  ENXIO: 'no module serves the device node: modprobe kvm_intel or kvm_amd',
  ENODEV: 'no module serves the device node: modprobe kvm_intel or kvm_amd',
  EACCES: 'join its group (usermod -aG kvm $USER, then log in again) or run as root',
  EPERM: 'the sandbox forbids it: run the container with --device /dev/kvm',
  EBUSY: 'another hypervisor holds the CPU: stop it',
  EMFILE: 'this process has no file descriptor left: raise ulimit -n',
};

/** What to do about an errno of open("/dev/kvm"). */
export function unavailableHint(errnoName: string): string {
  return UNAVAILABLE[errnoName] ?? 'check that /dev/kvm is the KVM device (character device 10:232)';
}

const NEEDS_IRQCHIP = 'create an in-kernel irqchip first (vm.interrupts.createIrqchip or enableSplitIrqchip)';
const TOO_MANY_DEVICES = "the VM's I/O bus is full (1000 devices)";

const IOCTL_HINTS: Partial<Record<IoctlName, ErrnoHints>> = {
  KVM_CREATE_VM: {
    EBUSY: 'another hypervisor holds the CPU: stop it',
    EINVAL: 'this host does not know that machine type: use 0',
    EMFILE: 'this process has no file descriptor left: raise ulimit -n, or close VMs',
  },
  KVM_CREATE_VCPU: {
    EEXIST: 'that vCPU id is taken',
    EINVAL: 'the id must be below KVM_CAP_MAX_VCPU_ID and the VM may have at most KVM_CAP_MAX_VCPUS vCPUs',
    EMFILE: 'this process has no file descriptor left: raise ulimit -n, or close vCPUs',
  },
  KVM_SET_USER_MEMORY_REGION: {
    EEXIST: 'the range overlaps another slot',
    EINVAL:
      'gpa, size and offset must be multiples of 4096, the slot below KVM_CAP_NR_MEMSLOTS, and a slot in use changes only its gpa or dirty logging',
    ENOENT: 'the slot is not in use',
  },
  KVM_GET_DIRTY_LOG: { ENOENT: 'the slot is not in use, or has no dirty logging', EINVAL: 'no such slot number' },
  KVM_SET_TSS_ADDR: { EINVAL: 'three pages must fit below 4 GiB at that address' },
  KVM_SET_IDENTITY_MAP_ADDR: { EINVAL: 'set it before the first vCPU is created' },
  KVM_SET_BOOT_CPU_ID: { EBUSY: 'set it before the first vCPU is created' },
  KVM_CREATE_IRQCHIP: {
    EEXIST: 'the VM has an irqchip already',
    EINVAL: 'create the irqchip before the first vCPU',
  },
  KVM_CREATE_PIT2: { EEXIST: 'the VM has a PIT already', ENOENT: 'create the irqchip first' },
  KVM_IRQ_LINE: { ENXIO: NEEDS_IRQCHIP },
  KVM_SIGNAL_MSI: { EINVAL: NEEDS_IRQCHIP, ENXIO: NEEDS_IRQCHIP },
  KVM_SET_GSI_ROUTING: {
    EINVAL:
      'the VM needs an irqchip, pins must exist on it, a GSI has at most one MSI or one pin of each irqchip, and there are at most KVM_CAP_IRQ_ROUTING routes',
  },
  KVM_IRQFD: {
    EAGAIN: NEEDS_IRQCHIP,
    EBADF: 'the eventfd (or resample eventfd) is not open',
    EBUSY: 'that eventfd drives another irqfd already: one eventfd for each',
    EINVAL: 'the VM needs an in-kernel irqchip, and the descriptors must be eventfds',
  },
  KVM_IOEVENTFD: {
    EBADF: 'the eventfd is not open',
    EEXIST: 'an ioeventfd that this one could not be told from has that address already',
    EINVAL:
      'the length is 0, 1, 2, 4 or 8, the range must not wrap, datamatch needs a length, the descriptor must be an eventfd',
    ENOENT: 'no ioeventfd with that eventfd, address, length, space and datamatch',
    ENOSPC: TOO_MANY_DEVICES,
  },
  KVM_SET_IOREGION: {
    ENOTTY: 'this kernel has no ioregionfd: use the userspace dispatcher',
    ENOSYS: 'this kernel was built without CONFIG_KVM_IOREGION: use the userspace dispatcher',
    EEXIST: 'the range overlaps another ioregion or an ioeventfd',
    ENOENT: 'no ioregion with exactly that address, size and space',
    ENOSPC: TOO_MANY_DEVICES,
  },
  KVM_REGISTER_COALESCED_MMIO: { ENOSPC: TOO_MANY_DEVICES, EINVAL: 'the pio field is 0 or 1' },
  KVM_ENABLE_CAP: {
    EEXIST: 'too late: the VM has an irqchip or a vCPU already',
    EINVAL: 'this host cannot enable that capability, or not with these arguments, or not any more',
  },
  KVM_SET_CPUID2: {
    EINVAL: 'CPUID cannot change once the vCPU has run',
    E2BIG: 'at most 256 CPUID entries',
  },
  KVM_GET_LAPIC: { EINVAL: NEEDS_IRQCHIP },
  KVM_SET_LAPIC: { EINVAL: NEEDS_IRQCHIP },
  KVM_INTERRUPT: {
    ENXIO: 'with an in-kernel irqchip interrupts go through irqLine, irqfd or MSI',
    EEXIST: 'an interrupt is waiting to be injected already',
    EINVAL: 'the vector is 0 to 255',
  },
  KVM_SET_SREGS: { EINVAL: 'the combination of control registers and segments is not one a CPU can be in' },
  KVM_SET_MP_STATE: { EINVAL: 'that state needs an in-kernel irqchip' },
};

const ANY_IOCTL: ErrnoHints = {
  EBADF: 'the VM or vCPU is closed',
  EIO: 'the VM belongs to another process, or is dead after a fatal error',
  EINTR: 'a signal came first: call again',
  ENOMEM: 'the host is out of memory, or of locked memory for this process',
  ENOTTY: 'this kernel does not have that ioctl',
};

/** What to do about an errno of a KVM ioctl, where something can be done. */
export function ioctlHint(ioctl: IoctlName, errnoName: string): string | undefined {
  return IOCTL_HINTS[ioctl]?.[errnoName] ?? ANY_IOCTL[errnoName];
}
