import { describeExit, EXIT_REASONS, type ExitReasonName } from 'ioregion/kvm';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { exit, halt, loadEax, movEax, movEcx, out, protectedMode, store } from '../support/tiny-code.js';
import { type TinyGuestOptions, tinyGuest } from '../support/tiny-guest.js';

const MMIO = 0xd000_0000;
const FNSAVE_TO_MMIO = [0xdd, 0x35, 0x00, 0x00, 0x00, 0xd0];
const INVALID_OPCODE = [0x0f, 0x0b];
const MSR_NONE = 0xdead_bee0;
const readMsr = [...movEcx(MSR_NONE), 0x0f, 0x32];
const writeMsr = [0x31, 0xd2, ...movEcx(MSR_NONE), 0x0f, 0x30];
const UNKNOWN_MSR_EXITS = 2;
const msrExits: TinyGuestOptions['prepare'] = (vm) =>
  vm.enableCapability('KVM_CAP_X86_USER_SPACE_MSR', [UNKNOWN_MSR_EXITS]);

const cases: [string, readonly number[], ExitReasonName, RegExp, TinyGuestOptions['prepare']?][] = [
  ['a halt without irqchip', halt, 'KVM_EXIT_HLT', /waits/],
  ['a fault without handlers', INVALID_OPCODE, 'KVM_EXIT_SHUTDOWN', /triple fault/],
  ['a port write', [...movEax(0x1234), ...out(2, 0xcf8)], 'KVM_EXIT_IO', /out of 2 bytes to port 0xcf8: 34 12/],
  ['an MMIO read', loadEax(MMIO + 4), 'KVM_EXIT_MMIO', /read of 4 bytes from 0xd0000004/],
  [
    'an MMIO write',
    [...movEax(0x11223344), ...store(4, MMIO)],
    'KVM_EXIT_MMIO',
    /write of 4 bytes to 0xd0000000: 44 33 22 11/,
  ],
  [
    'an instruction KVM cannot emulate',
    FNSAVE_TO_MMIO,
    'KVM_EXIT_INTERNAL_ERROR',
    /EMULATION, the emulator gave up on dd 35 00 00 00 d0/,
  ],
  [
    'the read of an unknown MSR',
    readMsr,
    'KVM_EXIT_X86_RDMSR',
    /read of MSR 0xdeadbee0: KVM does not know it/,
    msrExits,
  ],
  [
    'the write of an unknown MSR',
    [...movEax(5), ...writeMsr],
    'KVM_EXIT_X86_WRMSR',
    /write of 0x5 to MSR 0xdeadbee0/,
    msrExits,
  ],
];

describeWhere([kvmDevice], 'exits of the real kernel', () => {
  it.each(cases)('tell of %s', (_, code, reason, text, prepare) => {
    using guest = tinyGuest([...code, ...exit], { boot: protectedMode, ...(prepare && { prepare }) });
    expect(guest.run()).toBe(EXIT_REASONS[reason]);
    expect(describeExit(guest.page.buffer)).toMatch(text);
  });

  it('of an access that crosses a page come one after the other', () => {
    using guest = tinyGuest([...movEax(0x4433_2211), ...store(4, MMIO + 0xffd), ...exit], { boot: protectedMode });
    const seen = [0, 1].map(() => {
      guest.run();
      const { address, size, value } = guest.page.mmio;
      return [address, size, value];
    });
    expect(seen).toEqual([
      [MMIO + 0xffd, 3, 0x33_2211],
      [MMIO + 0x1000, 1, 0x44],
    ]);
  });

  it('take the answer to a read at the next run', () => {
    using guest = tinyGuest([...loadEax(MMIO), ...store(4, 0x3000), ...exit], { boot: protectedMode });
    guest.run();
    guest.page.mmio.value = 0xcafe_f00d;
    guest.run();
    expect(new DataView(guest.memory.buffer).getUint32(0x3000, true)).toBe(0xcafe_f00d);
  });

  it('take the answers to a string of port reads at the next run', () => {
    const repInsb = [0xba, 0x20, 0x01, 0, 0, ...movEcx(3), 0xbf, 0, 0x30, 0, 0, 0xf3, 0x6c];
    using guest = tinyGuest([...repInsb, ...exit], { boot: protectedMode });
    let answer = 1;
    for (guest.run(); guest.page.io.port === 0x120; guest.run()) {
      for (let i = 0; i < guest.page.io.count; i++) guest.page.io.setValue(answer++, i);
    }
    expect([...guest.memory.subarray(0x3000, 0x3004)]).toEqual([1, 2, 3, 0]);
  });

  it('can be forced at once, with the pending access finished', () => {
    using guest = tinyGuest([...loadEax(MMIO), ...store(4, 0x3000), ...exit], { boot: protectedMode });
    guest.run();
    guest.page.mmio.value = 7;
    guest.page.immediateExit = true;
    expect(guest.state.regs().rax).not.toBe(7n);
    guest.run();
    expect(guest.state.regs().rax).toBe(7n);
  });

  it('announce when an interrupt can be taken, on request', () => {
    const TURNS = 0x0010_0000;
    const enableThenWait = [0xfb, ...movEcx(TURNS), 0xe2, 0xfe];
    using guest = tinyGuest([...enableThenWait, ...exit], { boot: protectedMode });
    guest.page.requestInterruptWindow = true;
    expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_IRQ_WINDOW_OPEN);
    expect([guest.page.readyForInterrupt, guest.page.interruptsEnabled]).toEqual([true, true]);
  });
});
