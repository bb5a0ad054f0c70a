/** Everything KVM has of a guest, saved in one VM and restored in another. */
import { Kvm, restoreVcpu, saveVcpu, Vcpu, type VcpuExit, VcpuState } from 'ioregion/kvm';
import { Mapping } from 'ioregion/native';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { exit, inAl, movEax, outAl, protectedMode } from '../support/tiny-code.js';
import { TINY_GUEST_BYTES, TINY_GUEST_CODE } from '../support/tiny-guest.js';

const PORT = 0x90;
const INC_EAX = [0x40];
const JMP_BACK = (bytes: number): number[] => [0xeb, 0x100 - bytes - 2];
/** Says 1, 2, 3, … on a port. */
const COUNT = [...movEax(0), ...INC_EAX, ...outAl(PORT), ...JMP_BACK(3)];

interface Machine extends AsyncDisposable {
  readonly kvm: Kvm;
  readonly vcpu: Vcpu;
  readonly memory: Uint8Array;
}

async function machine(): Promise<Machine> {
  const kvm = Kvm.open();
  const mapping = Mapping.anonymous(TINY_GUEST_BYTES);
  const vm = kvm.createVm();
  vm.memory.add({ gpa: 0, size: TINY_GUEST_BYTES, mapping });
  vm.interrupts.createIrqchip();
  vm.interrupts.createPit();
  const vcpu = await Vcpu.create(vm, 0);
  const dispose = async (): Promise<void> => {
    await vcpu.close();
    vm.close();
    mapping[Symbol.dispose]();
    kvm.close();
  };
  return { kvm, vcpu, memory: mapping.bytes, [Symbol.asyncDispose]: dispose };
}

function boot({ kvm, vcpu, memory }: Machine, code: readonly number[]): void {
  memory.set(code, TINY_GUEST_CODE);
  vcpu.state.setCpuid(kvm.supportedCpuid());
  protectedMode(vcpu.state);
}

const said = (stop: VcpuExit): unknown => (stop.reason === 'KVM_EXIT_IO' ? stop.data?.[0] : stop.reason);

describeWhere([kvmDevice], 'the state of a guest', () => {
  it('goes on in another VM where it was', async () => {
    await using first = await machine();
    boot(first, COUNT);
    expect([said(await first.vcpu.run()), said(await first.vcpu.run())]).toEqual([1, 2]);
    expect(await first.vcpu.settle()).toEqual({ reason: 'settled' });
    const indices = first.kvm.msrIndexList();
    const saved = saveVcpu(first.vcpu.state.fd, indices);
    await using second = await machine();
    second.memory.set(first.memory);
    restoreVcpu(second.vcpu.state.fd, saved, indices);
    expect([said(await second.vcpu.run()), said(await second.vcpu.run())]).toEqual([3, 4]);
  });

  it('has the answer of an access once that is settled, and not before', async () => {
    await using guest = await machine();
    boot(guest, [...movEax(0), ...inAl(PORT), ...exit]);
    expect(await guest.vcpu.run()).toMatchObject({ reason: 'KVM_EXIT_IO', isWrite: false });
    expect(guest.vcpu.state.regs().rax & 0xffn).toBe(0n);
    expect(await guest.vcpu.settle()).toEqual({ reason: 'settled' });
    expect(guest.vcpu.state.regs().rax & 0xffn).toBe(0xffn);
  });
});

describeWhere([kvmDevice], 'the interrupt controllers and the timer of a VM', () => {
  it('take back what they have saved', () => {
    using kvm = Kvm.open();
    using vm = kvm.createVm();
    vm.interrupts.createIrqchip();
    vm.interrupts.createPit({ speaker: true });
    for (const name of ['picMaster', 'picSlave', 'ioapic'] as const) {
      const state = vm.interrupts.irqchip(name);
      expect(state.length).toBe(512);
      vm.interrupts.setIrqchip(name, state);
      expect(vm.interrupts.irqchip(name)).toEqual(state);
    }
    const pit = vm.interrupts.pit();
    pit[0] = 0x34;
    vm.interrupts.setPit(pit);
    expect(vm.interrupts.pit()[0]).toBe(0x34);
    expect(() => vm.interrupts.setPit(pit.subarray(1))).toThrow(RangeError);
  });

  it('a vCPU without kvmclock has no pause to note', () => {
    using kvm = Kvm.open();
    using vm = kvm.createVm();
    using fd = vm.createVcpuFd(0);
    expect(new VcpuState(fd).notePause()).toBe(false);
  });
});
