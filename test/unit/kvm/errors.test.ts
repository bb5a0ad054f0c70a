import { IOCTLS, type IoctlName, KvmIoctlError, KvmUnavailableError } from 'ioregion/kvm';
import { describe, expect, it } from 'vitest';

describe('a refused ioctl', () => {
  it('names the ioctl, the errno and what to do', () => {
    const error = new KvmIoctlError('KVM_IRQFD', 'EBUSY', 16);
    expect(error).toMatchObject({ ioctl: 'KVM_IRQFD', errnoName: 'EBUSY', errno: 16, syscall: 'ioctl(KVM_IRQFD)' });
    expect(error.message).toBe(`ioctl(KVM_IRQFD) failed with EBUSY: ${error.hint}`);
    expect(error.hint).toContain('one eventfd for each');
  });

  it('has a hint for errnos that mean the same everywhere', () => {
    for (const name of Object.keys(IOCTLS) as IoctlName[]) {
      expect(new KvmIoctlError(name, 'ENOTTY', 25).hint).toMatch(/this kernel/);
    }
  });

  it('says no more than it knows', () => {
    const error = new KvmIoctlError('KVM_GET_REGS', 'EDOM', 33);
    expect([error.hint, error.message]).toEqual([undefined, 'ioctl(KVM_GET_REGS) failed with EDOM']);
  });
});

describe('an unusable /dev/kvm', () => {
  it.each([
    ['ENOENT', 2, /modprobe/],
    ['ENODEV', 19, /modprobe/],
    ['EACCES', 13, /usermod -aG kvm/],
    ['EPERM', 1, /--device \/dev\/kvm/],
    ['EBUSY', 16, /another hypervisor/],
    ['ELOOP', 40, /10:232/],
  ])('after %s comes with a hint', (errnoName, errno, hint) => {
    const error = new KvmUnavailableError('/dev/kvm', errnoName, errno);
    expect(error).toMatchObject({
      code: 'ERR_IOREGION_KVM_UNAVAILABLE',
      errnoName,
      errno,
      hint: expect.stringMatching(hint),
    });
    expect(error.message).toContain(error.hint);
  });
});
