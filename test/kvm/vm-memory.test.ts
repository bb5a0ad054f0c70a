import { dirtyPages, EXIT_REASONS, Kvm } from 'ioregion/kvm';
import { Mapping } from 'ioregion/native';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { EXIT_PORT, exit, loadEax, movEax, protectedMode, store } from '../support/tiny-code.js';
import { type TinyGuest, tinyGuest } from '../support/tiny-guest.js';

const PAGE = 4096;
const MIB = 1 << 20;
const HIGH = 0x4000_0000;

function withVm(check: (vm: ReturnType<Kvm['createVm']>, mapping: Mapping) => void): void {
  using kvm = Kvm.open();
  using mapping = Mapping.anonymous(4 * MIB);
  using vm = kvm.createVm();
  check(vm, mapping);
}

function expectExitPort({ run, page }: TinyGuest): void {
  expect([run(), page.io.port]).toEqual([EXIT_REASONS.KVM_EXIT_IO, EXIT_PORT]);
}

function expectMmio({ run, page }: TinyGuest, address: number, isWrite: boolean): void {
  expect([run(), page.mmio.address, page.mmio.isWrite]).toEqual([EXIT_REASONS.KVM_EXIT_MMIO, address, isWrite]);
}

describeWhere([kvmDevice], 'memory slots', () => {
  it('show the guest the bytes of the mapping, and the mapping the writes of the guest', () => {
    const code = [...loadEax(0x3000), ...store(4, 0x3004), ...exit];
    using guest = tinyGuest(code, { boot: protectedMode });
    guest.memory.set([1, 2, 3, 4], 0x3000);
    expectExitPort(guest);
    expect([...guest.memory.subarray(0x3004, 0x3008)]).toEqual([1, 2, 3, 4]);
  });

  it('take the lowest free number each, and free it when removed', () => {
    withVm((vm, mapping) => {
      const add = (gpa: number) => vm.memory.add({ gpa, size: MIB, mapping });
      expect([add(0), add(MIB), add(2 * MIB)]).toEqual([0, 1, 2]);
      vm.memory.remove(1);
      expect(add(8 * MIB)).toBe(1);
      expect(vm.memory.slots.map(({ slot, gpa }) => [slot, gpa])).toEqual([
        [0, 0n],
        [1, BigInt(8 * MIB)],
        [2, BigInt(2 * MIB)],
      ]);
    });
  });

  it('put every region of a guest memory into a slot of its own, or none', () => {
    withVm((vm, mapping) => {
      const region = (gpa: number, offset: number) => ({ gpa, size: MIB, mapping, offset, readonly: gpa === 0 });
      expect(vm.memory.addAll({ regions: [region(0, 0), region(2 ** 32, MIB)] })).toEqual([0, 1]);
      expect(vm.memory.slots.map(({ readonly }) => readonly)).toEqual([true, false]);
      vm.memory.clear();
      const overlapping = { regions: [region(0, 0), region(MIB, MIB), region(MIB / 2, 0)] };
      expect(() => vm.memory.addAll(overlapping)).toThrow(expect.objectContaining({ errnoName: 'EEXIST' }));
      expect(vm.memory.slots).toEqual([]);
    });
  });

  it('read only: guest reads succeed, guest writes leave as MMIO exits', () => {
    using rom = Mapping.anonymous(PAGE);
    const code = [...loadEax(HIGH), ...store(4, 0x3000), ...store(4, HIGH), ...exit];
    using guest = tinyGuest(code, { boot: protectedMode });
    rom.bytes.set([7, 0, 0, 0]);
    guest.vm.memory.add({ gpa: HIGH, size: PAGE, mapping: rom, readonly: true });
    expectMmio(guest, HIGH, true);
    expect([guest.memory[0x3000], rom.bytes[0]]).toEqual([7, 7]);
    expectExitPort(guest);
  });

  it('log exactly the pages the guest has written, once', () => {
    using mapping = Mapping.anonymous(100 * PAGE);
    const code = [store(1, HIGH), store(1, HIGH + 7 * PAGE), store(1, HIGH + 99 * PAGE + 5)].flat();
    using guest = tinyGuest([...code, ...exit], { boot: protectedMode });
    const slot = guest.vm.memory.add({ gpa: HIGH, size: 100 * PAGE, mapping }, { logDirty: true });
    expectExitPort(guest);
    expect([...dirtyPages(guest.vm.memory.dirtyBitmap(slot))]).toEqual([0, 7, 99]);
    expect([...dirtyPages(guest.vm.memory.dirtyBitmap(slot))]).toEqual([]);
  });

  it('turn their log on and off', () => {
    withVm((vm, mapping) => {
      const slot = vm.memory.add({ gpa: 0, size: MIB, mapping });
      const log = () => vm.memory.dirtyBitmap(slot);
      expect(log).toThrow(expect.objectContaining({ ioctl: 'KVM_GET_DIRTY_LOG', errnoName: 'ENOENT' }));
      vm.memory.update(slot, { logDirty: true });
      expect(log().length).toBe(MIB / PAGE / 8);
      vm.memory.update(slot, { logDirty: false });
      expect(log).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }));
    });
  });

  it('move to another address', () => {
    using mapping = Mapping.anonymous(PAGE);
    const code = [...movEax(5), ...store(1, HIGH + PAGE), ...store(1, HIGH), ...exit];
    using guest = tinyGuest(code, { boot: protectedMode });
    const slot = guest.vm.memory.add({ gpa: HIGH, size: PAGE, mapping });
    guest.vm.memory.update(slot, { gpa: HIGH + PAGE });
    expectMmio(guest, HIGH, true);
    expect(mapping.bytes[0]).toBe(5);
  });

  it('leave the guest with MMIO exits once removed', () => {
    using mapping = Mapping.anonymous(PAGE);
    using guest = tinyGuest([...loadEax(HIGH), ...loadEax(HIGH), ...exit], { boot: protectedMode });
    const slot = guest.vm.memory.add({ gpa: HIGH, size: PAGE, mapping });
    guest.vm.memory.remove(slot);
    expectMmio(guest, HIGH, false);
  });

  it('keep the mapping from being unmapped until they are removed or the VM is closed', () => {
    using kvm = Kvm.open();
    using mapping = Mapping.anonymous(MIB);
    const [first, second] = [kvm.createVm(), kvm.createVm()];
    for (const vm of [first, second]) vm.memory.add({ gpa: 0, size: MIB, mapping });
    const busy = expect.objectContaining({ code: 'ERR_IOREGION_MAPPING_BUSY' });
    expect(() => mapping.unmap()).toThrow(busy);
    first.memory.remove(0);
    expect(() => mapping.unmap()).toThrow(busy);
    second.close();
    mapping.unmap();
    first.close();
  });

  it.each([
    ['overlap another slot', { gpa: PAGE, size: PAGE }, {}, 'EEXIST'],
    ['start inside a page', { gpa: 8 * MIB + 1, size: PAGE }, {}, 'EINVAL'],
    ['end inside a page', { gpa: 8 * MIB, size: PAGE + 1 }, {}, 'EINVAL'],
    ['have a number beyond the limit', { gpa: 8 * MIB, size: PAGE }, { slot: 0x7fff }, 'EINVAL'],
    ['lie beyond every address', { gpa: 2n ** 64n - 4096n, size: 2 * PAGE }, {}, 'EINVAL'],
  ])('cannot %s', (_, memory, options, errnoName) => {
    withVm((vm, mapping) => {
      vm.memory.add({ gpa: 0, size: MIB, mapping });
      expect(() => vm.memory.add({ ...memory, mapping }, options)).toThrow(
        expect.objectContaining({ code: 'ERR_IOREGION_KVM_IOCTL', ioctl: 'KVM_SET_USER_MEMORY_REGION', errnoName }),
      );
      expect(vm.memory.slots.length).toBe(1);
    });
  });

  it('cannot be added twice, nor used when they are free', () => {
    withVm((vm, mapping) => {
      const notInUse = expect.objectContaining({ code: 'ERR_IOREGION_KVM_SLOT', slot: 4 });
      vm.memory.add({ gpa: 0, size: MIB, mapping }, { slot: 3 });
      expect(() => vm.memory.add({ gpa: MIB, size: MIB, mapping }, { slot: 3 })).toThrow('memory slot 3 is in use');
      expect(() => vm.memory.remove(4)).toThrow(notInUse);
      expect(() => vm.memory.update(4, { gpa: 0 })).toThrow(notInUse);
      expect(() => vm.memory.dirtyBitmap(4)).toThrow(notInUse);
    });
  });

  it('know how many there can be', () => {
    withVm((vm) => expect(vm.memory.limit).toBe(vm.capability('KVM_CAP_NR_MEMSLOTS')));
  });
});
