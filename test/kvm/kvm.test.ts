import { execFileSync } from 'node:child_process';
import { Kvm, KvmUnavailableError } from 'ioregion/kvm';
import { describe, expect, it } from 'vitest';
import { PATIENCE } from '../support/patience.js';
import { describeWhere, kvmDevice, type Requirement } from '../support/require.js';

const CPUID_HIGHEST_LEAF = 0;
const MSR_STAR = 0xc000_0081;

const root: Requirement = () => (process.getuid?.() === 0 ? undefined : 'not root');

describeWhere([kvmDevice], '/dev/kvm', () => {
  it('speaks API version 12 and says how much of a vCPU to map', () => {
    using kvm = Kvm.open();
    expect(kvm.apiVersion).toBe(12);
    expect(kvm.vcpuMmapSize % 4096).toBe(0);
    expect(kvm.vcpuMmapSize).toBeGreaterThanOrEqual(4096);
  });

  it('answers for capabilities by name and by number, with 0 for one that no kernel has', () => {
    using kvm = Kvm.open();
    expect(kvm.capability('KVM_CAP_USER_MEMORY')).toBe(1);
    expect(kvm.capability('KVM_CAP_NR_MEMSLOTS')).toBe(kvm.capability(10));
    expect(kvm.capability(0x7fff_ffff)).toBe(0);
    expect(kvm.capability('KVM_CAP_S390_PSW')).toBe(0);
  });

  it('lists the CPUID leaves and the MSRs a guest can have', () => {
    using kvm = Kvm.open();
    const leaves = kvm.supportedCpuid();
    const vendor = leaves.find((leaf) => leaf.function === CPUID_HIGHEST_LEAF)!;
    const text = Buffer.from(Uint32Array.of(vendor.ebx, vendor.edx, vendor.ecx).buffer).toString('latin1');
    expect(text).toMatch(/^[ -~]{12}$/);
    expect(kvm.msrIndexList()).toContain(MSR_STAR);
    expect(kvm.msrFeatureIndexList().every((index) => index > 0)).toBe(true);
  });

  it('is closed once; closing again does nothing, using it afterwards fails', () => {
    const kvm = Kvm.open();
    kvm.close();
    kvm.close();
    const closed = expect.objectContaining({ code: 'ERR_IOREGION_FD_CLOSED' });
    expect(() => kvm.createVm()).toThrow(closed);
    expect(() => kvm.capability('KVM_CAP_IRQFD')).toThrow(closed);
  });

  it('lets VMs live longer than itself', () => {
    const kvm = Kvm.open();
    using vm = kvm.createVm();
    kvm.close();
    expect(vm.capability('KVM_CAP_USER_MEMORY')).toBe(1);
  });
});

describe('a host without usable KVM', () => {
  it('is told to load the module or to enable nested virtualisation', () => {
    expect(() => Kvm.open('/nonexistent/kvm')).toThrow(KvmUnavailableError);
    expect(() => Kvm.open('/nonexistent/kvm')).toThrow(
      expect.objectContaining({
        code: 'ERR_IOREGION_KVM_UNAVAILABLE',
        errnoName: 'ENOENT',
        errno: 2,
        hint: expect.stringMatching(/modprobe.*nested/),
      }),
    );
  });

  it('is told that another device is not KVM', () => {
    expect(() => Kvm.open('/dev/null')).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_KVM_UNAVAILABLE', errnoName: 'ENOTTY' }),
    );
  });
});

describeWhere([kvmDevice, root], 'a user without permission', () => {
  it('is told about the group', () => {
    const NOBODY = 65_534;
    const script = `const { Kvm } = await import('ioregion/kvm');
      try { Kvm.open(); console.log('opened'); } catch (error) { console.log(error.code, error.errnoName, error.hint); }`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      uid: NOBODY,
      gid: NOBODY,
      encoding: 'utf8',
      timeout: 20_000 * PATIENCE,
    });
    expect(output).toMatch(/^ERR_IOREGION_KVM_UNAVAILABLE EACCES .*usermod -aG kvm/);
  });
});
