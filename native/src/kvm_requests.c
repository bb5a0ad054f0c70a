/*
 * Left out on purpose: requests that contain addresses (KVM_SET_USER_MEMORY_REGION, KVM_GET_DIRTY_LOG,
 * KVM_{GET,SET}_ONE_REG, KVM_SET_DEVICE_ATTR, KVM_X86_SET_MSR_FILTER, ...), since a wrong one corrupts this process.
 */
#include "kvm_requests.h"

#include "common.h"

#include <linux/kvm.h>

/* Not in any released kernel: the number and the 64-byte structure of the ioregionfd RFCs. */
#define KVM_SET_IOREGION _IOC(_IOC_WRITE, KVMIO, 0x49, 64)

#define INTEGER(request) {.number = (request), .name = "ioctl(" #request ")"}
#define DATA(request) {.number = (request), .name = "ioctl(" #request ")", .length = _IOC_SIZE(request)}
#define LIST(request, type, count, entries)                                                              \
  {                                                                                                      \
    .number = (request), .name = "ioctl(" #request ")", .length = sizeof(type),                          \
    .count_offset = offsetof(type, count), .entry_length = sizeof(((type *)0)->entries[0])               \
  }
#define UNBOUNDED(request) \
  {.number = (request), .name = "ioctl(" #request ")", .length = _IOC_SIZE(request), .unbounded = true}

static const struct kvm_request integer_requests[] = {
    INTEGER(KVM_GET_API_VERSION),   INTEGER(KVM_CREATE_VM),        INTEGER(KVM_CHECK_EXTENSION),
    INTEGER(KVM_GET_VCPU_MMAP_SIZE), INTEGER(KVM_CREATE_VCPU),     INTEGER(KVM_SET_NR_MMU_PAGES),
    INTEGER(KVM_GET_NR_MMU_PAGES),  INTEGER(KVM_SET_TSS_ADDR),     INTEGER(KVM_CREATE_IRQCHIP),
    INTEGER(KVM_SET_BOOT_CPU_ID),   INTEGER(KVM_SET_TSC_KHZ),      INTEGER(KVM_GET_TSC_KHZ),
    INTEGER(KVM_NMI),               INTEGER(KVM_SMI),              INTEGER(KVM_KVMCLOCK_CTRL),
    INTEGER(KVM_RESET_DIRTY_RINGS), INTEGER(KVM_GET_STATS_FD),
};

static const struct kvm_request data_requests[] = {
    LIST(KVM_GET_MSR_INDEX_LIST, struct kvm_msr_list, nmsrs, indices),
    LIST(KVM_GET_MSR_FEATURE_INDEX_LIST, struct kvm_msr_list, nmsrs, indices),
    LIST(KVM_GET_SUPPORTED_CPUID, struct kvm_cpuid2, nent, entries),
    LIST(KVM_GET_EMULATED_CPUID, struct kvm_cpuid2, nent, entries),
    LIST(KVM_GET_SUPPORTED_HV_CPUID, struct kvm_cpuid2, nent, entries),
    LIST(KVM_GET_CPUID2, struct kvm_cpuid2, nent, entries),
    LIST(KVM_SET_CPUID2, struct kvm_cpuid2, nent, entries),
    LIST(KVM_GET_MSRS, struct kvm_msrs, nmsrs, entries),
    LIST(KVM_SET_MSRS, struct kvm_msrs, nmsrs, entries),
    LIST(KVM_SET_GSI_ROUTING, struct kvm_irq_routing, nr, entries),
    UNBOUNDED(KVM_GET_XSAVE2),
    UNBOUNDED(KVM_SET_XSAVE),
    DATA(KVM_GET_XSAVE),
    DATA(KVM_SET_IDENTITY_MAP_ADDR),
    DATA(KVM_SET_IOREGION),
    DATA(KVM_IOEVENTFD),
    DATA(KVM_IRQFD),
    DATA(KVM_IRQ_LINE),
    DATA(KVM_IRQ_LINE_STATUS),
    DATA(KVM_SIGNAL_MSI),
    DATA(KVM_REGISTER_COALESCED_MMIO),
    DATA(KVM_UNREGISTER_COALESCED_MMIO),
    DATA(KVM_GET_IRQCHIP),
    DATA(KVM_SET_IRQCHIP),
    DATA(KVM_CREATE_PIT2),
    DATA(KVM_GET_PIT2),
    DATA(KVM_SET_PIT2),
    /* Declared without a size although it takes a structure. */
    {.number = KVM_REINJECT_CONTROL,
     .name = "ioctl(KVM_REINJECT_CONTROL)",
     .length = sizeof(struct kvm_reinject_control)},
    DATA(KVM_GET_CLOCK),
    DATA(KVM_SET_CLOCK),
    DATA(KVM_CREATE_DEVICE),
    DATA(KVM_ENABLE_CAP),
    DATA(KVM_GET_REGS),
    DATA(KVM_SET_REGS),
    DATA(KVM_GET_SREGS),
    DATA(KVM_SET_SREGS),
    DATA(KVM_GET_SREGS2),
    DATA(KVM_SET_SREGS2),
    DATA(KVM_GET_FPU),
    DATA(KVM_SET_FPU),
    DATA(KVM_GET_LAPIC),
    DATA(KVM_SET_LAPIC),
    DATA(KVM_GET_MP_STATE),
    DATA(KVM_SET_MP_STATE),
    DATA(KVM_GET_VCPU_EVENTS),
    DATA(KVM_SET_VCPU_EVENTS),
    DATA(KVM_GET_DEBUGREGS),
    DATA(KVM_SET_DEBUGREGS),
    DATA(KVM_GET_XCRS),
    DATA(KVM_SET_XCRS),
    DATA(KVM_INTERRUPT),
    DATA(KVM_TRANSLATE),
    DATA(KVM_SET_GUEST_DEBUG),
    DATA(KVM_TPR_ACCESS_REPORTING),
    DATA(KVM_SET_VAPIC_ADDR),
    DATA(KVM_X86_SETUP_MCE),
    DATA(KVM_X86_GET_MCE_CAP_SUPPORTED),
    DATA(KVM_X86_SET_MCE),
};

static const uint32_t safe_capabilities[] = {
    KVM_CAP_HYPERV_SYNIC,
    KVM_CAP_HYPERV_SYNIC2,
    KVM_CAP_SPLIT_IRQCHIP,
    KVM_CAP_X2APIC_API,
    KVM_CAP_X86_DISABLE_EXITS,
    KVM_CAP_EXCEPTION_PAYLOAD,
    KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
    KVM_CAP_HALT_POLL,
    KVM_CAP_X86_USER_SPACE_MSR,
    KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
    KVM_CAP_DIRTY_LOG_RING,
    KVM_CAP_X86_BUS_LOCK_EXIT,
    KVM_CAP_EXIT_HYPERCALL,
    KVM_CAP_EXIT_ON_EMULATION_FAILURE,
    KVM_CAP_X86_TRIPLE_FAULT_EVENT,
    KVM_CAP_X86_NOTIFY_VMEXIT,
    KVM_CAP_MAX_VCPU_ID,
    KVM_CAP_DISABLE_QUIRKS,
    KVM_CAP_DISABLE_QUIRKS2,
};

static const struct kvm_request *find(const struct kvm_request *table, size_t count, uint32_t number) {
  for (size_t i = 0; i < count; i++)
    if (table[i].number == number) return &table[i];
  return NULL;
}

const struct kvm_request *kvm_integer_request(uint32_t number) {
  return find(integer_requests, LENGTH_OF(integer_requests), number);
}

const struct kvm_request *kvm_data_request(uint32_t number) {
  return find(data_requests, LENGTH_OF(data_requests), number);
}

bool kvm_capability_is_safe(uint32_t capability) {
  for (size_t i = 0; i < LENGTH_OF(safe_capabilities); i++)
    if (safe_capabilities[i] == capability) return true;
  return false;
}
