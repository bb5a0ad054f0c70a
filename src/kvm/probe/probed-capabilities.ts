import type { CapabilityName } from '../uapi/capabilities.js';

/** The capabilities that decide what this project can do on a host, with what they mean to a person. */
export const PROBED_CAPABILITIES = {
  KVM_CAP_NR_MEMSLOTS: 'memory slots of a VM',
  KVM_CAP_MAX_VCPUS: 'vCPUs of a VM',
  KVM_CAP_IMMEDIATE_EXIT: 'vCPUs can be kicked without a race',
  KVM_CAP_IOEVENTFD: 'doorbells without an exit (ioeventfd)',
  KVM_CAP_IOEVENTFD_ANY_LENGTH: 'ioeventfds of any width (length 0)',
  KVM_CAP_IRQFD: 'interrupts from an eventfd (irqfd)',
  KVM_CAP_IRQFD_RESAMPLE: 'level-triggered irqfds (resample)',
  KVM_CAP_SIGNAL_MSI: 'MSIs without a route',
  KVM_CAP_IRQ_ROUTING: 'GSI routes of a VM',
  KVM_CAP_IRQCHIP: 'PIC, IOAPIC and local APICs in the kernel',
  KVM_CAP_SPLIT_IRQCHIP: 'local APICs alone in the kernel',
  KVM_CAP_PIT2: 'PIT in the kernel',
  KVM_CAP_COALESCED_MMIO: 'collected MMIO writes (the page of their ring)',
  KVM_CAP_COALESCED_PIO: 'collected port writes',
  KVM_CAP_READONLY_MEM: 'read-only memory slots (ROM, flash)',
  KVM_CAP_USER_MEMORY2: 'memory slots with guest_memfd',
} as const satisfies Partial<Record<CapabilityName, string>>;

export type ProbedCapability = keyof typeof PROBED_CAPABILITIES;
