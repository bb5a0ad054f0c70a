import { Kvm, type Vm } from 'ioregion/kvm';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';

const IDENTITY_MAP = 0xfffb_c000;
const TSS = 0xfffb_d000;

function withVm(check: (vm: Vm) => void): void {
  using kvm = Kvm.open();
  using vm = kvm.createVm();
  check(vm);
}

const refused = (ioctl: string, errnoName: string) =>
  expect.objectContaining({
    code: 'ERR_IOREGION_KVM_IOCTL',
    ioctl,
    errnoName,
    syscall: `ioctl(${ioctl})`,
    hint: expect.any(String),
  });

describeWhere([kvmDevice], 'a VM', () => {
  it('is closed once; closing again does nothing, using it afterwards fails', () => {
    using kvm = Kvm.open();
    const vm = kvm.createVm();
    vm.close();
    vm.close();
    const closed = expect.objectContaining({ code: 'ERR_IOREGION_FD_CLOSED' });
    expect(() => vm.createVcpuFd(0)).toThrow(closed);
    expect(() => vm.interrupts.createIrqchip()).toThrow(closed);
  });

  it('answers for its own capabilities', () => {
    withVm((vm) => expect(vm.capability('KVM_CAP_CHECK_EXTENSION_VM')).toBe(1));
  });

  it('takes the addresses of the pages that real mode needs on Intel hosts', () => {
    withVm((vm) => {
      vm.setIdentityMapAddress(IDENTITY_MAP);
      vm.setTssAddress(TSS);
    });
  });

  it('refuses those addresses where they cannot be', () => {
    withVm((vm) => {
      expect(() => vm.setTssAddress(0xffff_e000)).toThrow(refused('KVM_SET_TSS_ADDR', 'EINVAL'));
      using _vcpu = vm.createVcpuFd(0);
      expect(() => vm.setIdentityMapAddress(BigInt(IDENTITY_MAP))).toThrow(
        refused('KVM_SET_IDENTITY_MAP_ADDR', 'EINVAL'),
      );
    });
  });

  it('has a clock that can be set and then goes on', () => {
    withVm((vm) => {
      const HOUR_NS = 3_600_000_000_000n;
      vm.setClock({ clock: HOUR_NS });
      const { clock } = vm.clock();
      expect(clock - HOUR_NS).toBeGreaterThanOrEqual(0n);
      expect(clock - HOUR_NS).toBeLessThan(HOUR_NS);
    });
  });

  it('creates vCPUs by id', () => {
    withVm((vm) => {
      vm.setBootVcpu(1);
      using _zero = vm.createVcpuFd(0);
      using _one = vm.createVcpuFd(1);
      expect(() => vm.createVcpuFd(1)).toThrow(refused('KVM_CREATE_VCPU', 'EEXIST'));
      expect(() => vm.createVcpuFd(vm.capability('KVM_CAP_MAX_VCPU_ID'))).toThrow(refused('KVM_CREATE_VCPU', 'EINVAL'));
      expect(() => vm.setBootVcpu(0)).toThrow(refused('KVM_SET_BOOT_CPU_ID', 'EBUSY'));
    });
  });

  it('enables capabilities, and says which it cannot', () => {
    withVm((vm) => {
      vm.enableCapability('KVM_CAP_EXCEPTION_PAYLOAD', [1]);
      expect(() => vm.enableCapability('KVM_CAP_X86_DISABLE_EXITS', [1n << 40n])).toThrow(
        refused('KVM_ENABLE_CAP', 'EINVAL'),
      );
      expect(() => vm.enableCapability('KVM_CAP_XEN_HVM')).toThrow(RangeError);
    });
  });

  it('refuses an ioregion where the kernel has none, with the way out', () => {
    withVm((vm) => {
      const place = { space: 'mmio', address: 0xd000_0000, size: 8 } as const;
      const noIoregionfd = expect.objectContaining({ errnoName: 'ENOTTY', hint: expect.stringContaining('userspace') });
      expect(() => vm.setIoregion({ ...place, readFd: vm.fd, writeFd: vm.fd })).toThrow(noIoregionfd);
      expect(() => vm.removeIoregion(place)).toThrow(noIoregionfd);
    });
  });
});
