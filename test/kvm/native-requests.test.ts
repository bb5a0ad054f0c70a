/** The addon's KVM requests on the real /dev/kvm: lengths, pins, and addresses that a VM may still use. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Mapping, native, PAGE_SIZE } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectUntil } from '../support/garbage.js';
import { mappingCount } from '../support/open-fds.js';
import { fewer } from '../support/patience.js';
import { describeWhere, kvmDevice } from '../support/require.js';

const KVM_CREATE_VM = 0xae01;
const KVM_CREATE_VCPU = 0xae41;
const KVM_RUN = 0xae80;
const KVM_GET_SUPPORTED_CPUID = 0xc008ae05;
const KVM_SET_CPUID2 = 0x4008ae90;
const KVM_GET_MSRS = 0xc008ae88;
const KVM_GET_REGS = 0x8090ae81;
const KVM_GET_XSAVE2 = 0x9000aecf;
const KVM_ENABLE_CAP = 0x4068aea3;
const KVM_SET_USER_MEMORY_REGION = 0x4020ae46;
const KVM_MEM_LOG_DIRTY_PAGES = 1;
const CPUID_ENTRY_BYTES = 40;

const busy = expect.objectContaining({ code: 'EBUSY' });

describeWhere([kvmDevice], 'the addon on /dev/kvm', () => {
  let kvm: number;
  let vm: number;

  beforeEach(() => {
    kvm = openSync('/dev/kvm', 'r+');
    vm = native.ioctlInt(kvm, KVM_CREATE_VM, 0);
  });
  afterEach(() => {
    closeSync(vm);
    closeSync(kvm);
  });

  const setSlot = (slot: number, mapping: Mapping, size = mapping.length, flags = 0) =>
    native.setMemoryRegion(vm, slot, flags, 0n, size, mapping.object, 0);
  const deleteSlot = (slot: number) => native.setMemoryRegion(vm, slot, 0, 0n, 0, null, 0);

  describe('ioctls with structures', () => {
    const list = (count: number, entries: number) => {
      const data = new Uint8Array(8 + entries * CPUID_ENTRY_BYTES);
      new DataView(data.buffer).setUint32(0, count, true);
      return data;
    };

    it('fill a list as long as its count says', () => {
      const data = list(256, 256);
      native.ioctlData(kvm, KVM_GET_SUPPORTED_CPUID, data);
      expect(new DataView(data.buffer).getUint32(0, true)).toBeGreaterThan(10);
    });

    it('return E2BIG where the list is too short for the kernel', () => {
      expect(() => native.ioctlData(kvm, KVM_GET_SUPPORTED_CPUID, list(1, 1))).toThrow(
        expect.objectContaining({ code: 'E2BIG', syscall: 'ioctl(KVM_GET_SUPPORTED_CPUID)' }),
      );
    });

    it.each([1, 2, 2 ** 31, 2 ** 32 - 1])('refuse a count of %d that the data does not hold', (count) => {
      for (const request of [KVM_GET_SUPPORTED_CPUID, KVM_SET_CPUID2, KVM_GET_MSRS])
        expect(() => native.ioctlData(kvm, request, list(count, 0))).toThrow(RangeError);
    });

    it('refuse data shorter than the structure', () => {
      const vcpu = native.ioctlInt(vm, KVM_CREATE_VCPU, 0);
      expect(() => native.ioctlData(vcpu, KVM_GET_REGS, new Uint8Array(143))).toThrow(RangeError);
      expect(() => native.ioctlData(vcpu, KVM_GET_XSAVE2, new Uint8Array(4095))).toThrow(RangeError);
      expect(native.ioctlData(vcpu, KVM_GET_REGS, new Uint8Array(144))).toBe(0);
      closeSync(vcpu);
    });

    it('write nothing behind the structure, nor behind a short view of a longer buffer', () => {
      const vcpu = native.ioctlInt(vm, KVM_CREATE_VCPU, 0);
      const bytes = new Uint8Array(8192).fill(0xa5);
      native.ioctlData(vcpu, KVM_GET_REGS, bytes.subarray(16, 16 + 200));
      expect(bytes.subarray(160, 8192).every((byte) => byte === 0xa5)).toBe(true);
      native.ioctlData(vcpu, KVM_GET_XSAVE2, bytes.subarray(0, 4096));
      expect(bytes.subarray(4096).every((byte) => byte === 0xa5)).toBe(true);
      closeSync(vcpu);
    });

    it('are refused where they contain addresses, run guests, or are unknown', () => {
      for (const request of [KVM_SET_USER_MEMORY_REGION, 0x4010ae42, 0x4010aeab, 0x4018aee1, 0x12345678])
        expect(() => native.ioctlData(vm, request, new Uint8Array(4096))).toThrow(RangeError);
      for (const request of [KVM_RUN, 0xae71, 0x5401])
        expect(() => native.ioctlInt(vm, request, 0)).toThrow(RangeError);
    });

    it('cannot enable the capability whose argument is an address', () => {
      const enable = new Uint8Array(104);
      new DataView(enable.buffer).setUint32(0, 163, true);
      expect(() => native.ioctlData(vm, KVM_ENABLE_CAP, enable)).toThrow(RangeError);
    });

    it('survive arbitrary bytes on every kind of KVM descriptor', () => {
      const vcpu = native.ioctlInt(vm, KVM_CREATE_VCPU, 0);
      const requests = [
        ...[KVM_GET_SUPPORTED_CPUID, KVM_SET_CPUID2, KVM_GET_MSRS, 0x4008ae89, 0x4008ae6a, KVM_GET_XSAVE2, 0x5000aea5],
        ...[0x4040ae49, 0x4040ae79, 0x4020ae76, 0x4020aea5, 0x4010ae67, 0x4010ae68, 0xc208ae62, 0x4090ae82, 0x4138ae84],
        ...[0x4400ae8f, 0x4040aea0, 0x4188aea7, 0x4048ae9b, 0xc018ae85, 0x4004ae86, KVM_ENABLE_CAP],
      ];
      fc.assert(
        fc.property(
          fc.constantFrom(kvm, vm, vcpu),
          fc.constantFrom(...requests),
          fc.oneof(fc.uint8Array({ maxLength: 256 }), fc.uint8Array({ minLength: 4096, maxLength: 6000 })),
          (fd, request, data) => {
            try {
              native.ioctlData(fd, request, data);
            } catch (error) {
              expect((error as NodeJS.ErrnoException).code).toMatch(/^(ERR_OUT_OF_RANGE|E[A-Z0-9]+)$/);
            }
          },
        ),
        { numRuns: fewer(2000) },
      );
      closeSync(vcpu);
    });
  });

  describe('memory slots', () => {
    const unmap = (mapping: Mapping) => () => native.munmap(mapping.object);

    it('keep their mapping until the slot is deleted', () => {
      const mapping = Mapping.anonymous(4 * PAGE_SIZE);
      setSlot(0, mapping);
      expect(unmap(mapping)).toThrow(busy);
      expect(() => mapping.unmap()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_MAPPING_BUSY' }));
      mapping.bytes[0] = 1;
      deleteSlot(0);
      mapping.unmap();
      expect(mapping.closed).toBe(true);
    });

    it('keep a mapping that two of them use until both are deleted', () => {
      const mapping = Mapping.anonymous(4 * PAGE_SIZE);
      native.setMemoryRegion(vm, 0, 0, 0n, PAGE_SIZE, mapping.object, 0);
      native.setMemoryRegion(vm, 1, 0, 0x10000n, PAGE_SIZE, mapping.object, PAGE_SIZE);
      deleteSlot(0);
      expect(unmap(mapping)).toThrow(busy);
      deleteSlot(1);
      mapping.unmap();
    });

    it('that change their flags still need one deletion only', () => {
      const mapping = Mapping.anonymous(4 * PAGE_SIZE);
      setSlot(0, mapping);
      setSlot(0, mapping, mapping.length, KVM_MEM_LOG_DIRTY_PAGES);
      deleteSlot(0);
      mapping.unmap();
    });

    it('that the kernel refuses keep nothing', () => {
      const mapping = Mapping.anonymous(4 * PAGE_SIZE);
      const einval = expect.objectContaining({ code: 'EINVAL', syscall: 'ioctl(KVM_SET_USER_MEMORY_REGION)' });
      expect(() => native.setMemoryRegion(vm, 0, 0, 1n, PAGE_SIZE, mapping.object, 0)).toThrow(einval);
      expect(() => native.setMemoryRegion(vm, 0, 0xff0, 0n, PAGE_SIZE, mapping.object, 0)).toThrow(einval);
      mapping.unmap();
    });

    it('never reach outside of the mapping', () => {
      using mapping = Mapping.anonymous(2 * PAGE_SIZE);
      const attempt = (size: number, offset: number) => () =>
        native.setMemoryRegion(vm, 0, 0, 0n, size, mapping.object, offset);
      expect(attempt(3 * PAGE_SIZE, 0)).toThrow(RangeError);
      expect(attempt(PAGE_SIZE, 2 * PAGE_SIZE)).toThrow(RangeError);
      expect(attempt(Number.MAX_SAFE_INTEGER, PAGE_SIZE)).toThrow(RangeError);
      expect(attempt(PAGE_SIZE, Number.MAX_SAFE_INTEGER)).toThrow(RangeError);
      mapping.unmap();
      expect(attempt(PAGE_SIZE, 0)).toThrow(RangeError);
    });

    it('that are not there cannot be deleted', () => {
      expect(() => deleteSlot(5)).toThrow(expect.objectContaining({ syscall: 'ioctl(KVM_SET_USER_MEMORY_REGION)' }));
    });

    it('of a closed VM can be let go of by hand', () => {
      const mapping = Mapping.anonymous(4 * PAGE_SIZE);
      const other = native.ioctlInt(kvm, KVM_CREATE_VM, 0);
      native.setMemoryRegion(other, 0, 0, 0n, PAGE_SIZE, mapping.object, 0);
      closeSync(other);
      expect(unmap(mapping)).toThrow(busy);
      native.unpinMapping(mapping.object);
      mapping.unmap();
    });

    it('of an earlier VM with the same descriptor number keep their memory', () => {
      const early = Mapping.anonymous(4 * PAGE_SIZE);
      const late = Mapping.anonymous(4 * PAGE_SIZE);
      const first = native.ioctlInt(kvm, KVM_CREATE_VM, 0);
      native.setMemoryRegion(first, 0, 0, 0n, PAGE_SIZE, early.object, 0);
      closeSync(first);
      const second = native.ioctlInt(kvm, KVM_CREATE_VM, 0);
      expect(second).toBe(first);
      native.setMemoryRegion(second, 0, 0, 0n, PAGE_SIZE, late.object, 0);
      native.setMemoryRegion(second, 0, 0, 0n, 0, null, 0);
      late.unmap();
      expect(unmap(early)).toThrow(busy);
      closeSync(second);
      native.unpinMapping(early.object);
      early.unmap();
    });

    it('keep memory that JavaScript has forgotten', async () => {
      const name = `forgotten-${process.pid}`;
      const forget = () => {
        const fd = native.memfd(name, PAGE_SIZE, true);
        native.setMemoryRegion(vm, 0, 0, 0n, PAGE_SIZE, native.mmap(fd, PAGE_SIZE, 0, 3, true), 0);
        closeSync(fd);
        const sentinel = native.memfd(`sentinel-${process.pid}`, PAGE_SIZE, true);
        native.mmap(sentinel, PAGE_SIZE, 0, 3, true);
        closeSync(sentinel);
      };
      forget();
      await collectUntil(() => mappingCount(`sentinel-${process.pid}`) === 0);
      expect(mappingCount(name)).toBe(1);
      deleteSlot(0);
      expect(mappingCount(name)).toBe(0);
    });

    it('leave their addresses reserved, so that no later mapping can land under a guest', () => {
      const name = `reserved-${process.pid}`;
      const fd = native.memfd(name, 16 * PAGE_SIZE, true);
      const object = native.mmap(fd, 16 * PAGE_SIZE, 0, 3, true);
      const address = addressOf(name);
      native.setMemoryRegion(vm, 0, 0, 0n, PAGE_SIZE, object, 0);
      deleteSlot(0);
      native.munmap(object);
      expect(mappingCount(name)).toBe(0);
      expect(permissionsAt(address)).toBe('---p');
      closeSync(fd);
    });
  });

  describe('dirty logs', () => {
    const pages = 100;
    let mapping: Mapping;

    beforeEach(() => {
      mapping = Mapping.anonymous(pages * PAGE_SIZE);
      setSlot(3, mapping, mapping.length, KVM_MEM_LOG_DIRTY_PAGES);
    });
    afterEach(() => {
      deleteSlot(3);
      mapping.unmap();
    });

    it('fill a bitmap rounded up to 64 pages and nothing behind it', () => {
      const bytes = new Uint8Array(64).fill(0xa5);
      native.dirtyLog(vm, 3, pages, bytes);
      expect(bytes.subarray(0, 16).every((byte) => byte === 0)).toBe(true);
      expect(bytes.subarray(16).every((byte) => byte === 0xa5)).toBe(true);
    });

    it('are refused where the bitmap is shorter than the slot, whatever the caller says', () => {
      expect(() => native.dirtyLog(vm, 3, 8, new Uint8Array(8))).toThrow(expect.objectContaining({ code: 'ENOBUFS' }));
      expect(() => native.dirtyLog(vm, 3, pages, new Uint8Array(8))).toThrow(RangeError);
    });

    it('are refused for slots that are not there', () => {
      expect(() => native.dirtyLog(vm, 4, 8, new Uint8Array(8))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    });
  });
});

function mapsLine(matches: (line: string) => boolean): string {
  return readFileSync('/proc/self/maps', 'utf8').split('\n').find(matches) ?? '';
}

function addressOf(name: string): number {
  return Number.parseInt(
    mapsLine((line) => line.includes(name)),
    16,
  );
}

function permissionsAt(address: number): string | undefined {
  const holds = (line: string) => {
    const [start, end] = line.split(/[- ]/).map((part) => Number.parseInt(part, 16));
    return start! <= address && address < end!;
  };
  return mapsLine(holds).split(' ')[1];
}
