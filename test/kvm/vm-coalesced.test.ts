import { CoalescedRing, type CoalescedZone, EXIT_REASONS, Kvm } from 'ioregion/kvm';
import { expect, it } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { EXIT_PORT, exit, loadEax, movEax, out, protectedMode, store } from '../support/tiny-code.js';
import { type TinyGuest, tinyGuest } from '../support/tiny-guest.js';

const ADDRESS = 0xd000_0000;
const PORT = 0x1f0;
const RING_CAPACITY = 170;

const mmioZone: CoalescedZone = { space: 'mmio', address: ADDRESS, size: 0x100 };
const pioZone: CoalescedZone = { space: 'pio', address: PORT, size: 8 };

function guestWith(
  zones: readonly CoalescedZone[],
  code: readonly number[],
): { guest: TinyGuest; ring: CoalescedRing } {
  const guest = tinyGuest([...movEax(0x1122_3344), ...code, ...exit], { boot: protectedMode });
  for (const zone of zones) guest.vm.coalesced.register(zone);
  const ring = new CoalescedRing(guest.page.buffer, guest.kvm.capability('KVM_CAP_COALESCED_MMIO'));
  return { guest, ring };
}

function drained(ring: CoalescedRing): (string | number)[][] {
  const writes: (string | number)[][] = [];
  ring.drain(({ isPio, address, size, low }) => {
    writes.push([isPio ? 'pio' : 'mmio', address, size, size === 4 ? low : low & (2 ** (8 * size) - 1)]);
  });
  return writes;
}

describeWhere([kvmDevice], 'coalesced zones', () => {
  it('collect writes of both spaces in order, without an exit', () => {
    const code = [store(4, ADDRESS), out(2, PORT), store(1, ADDRESS + 9), store(2, ADDRESS + 0xfe)].flat();
    const { guest, ring } = guestWith([mmioZone, pioZone], code);
    using _guest = guest;
    expect([guest.run(), guest.page.io.port]).toEqual([EXIT_REASONS.KVM_EXIT_IO, EXIT_PORT]);
    expect(drained(ring)).toEqual([
      ['mmio', ADDRESS, 4, 0x1122_3344],
      ['pio', PORT, 2, 0x3344],
      ['mmio', ADDRESS + 9, 1, 0x44],
      ['mmio', ADDRESS + 0xfe, 2, 0x3344],
    ]);
    expect(drained(ring)).toEqual([]);
  });

  it('collect 8-byte writes with both halves', () => {
    const { guest, ring } = guestWith([mmioZone], store(8, ADDRESS));
    using _guest = guest;
    guest.run();
    expect(ring.drain(({ size, low, high }) => expect([size, low, high]).toEqual([8, 0, 0]))).toBe(1);
  });

  it.each<[string, number[], boolean]>([
    ['reads', loadEax(ADDRESS), false],
    ['writes that run over the end', store(4, ADDRESS + 0xfe), true],
    ['writes beside the zone', store(4, ADDRESS + 0x100), true],
  ])('leave %s to exits', (_, code, isWrite) => {
    const { guest, ring } = guestWith([mmioZone], code);
    using _guest = guest;
    expect([guest.run(), guest.page.mmio.isWrite]).toEqual([EXIT_REASONS.KVM_EXIT_MMIO, isWrite]);
    expect(drained(ring)).toEqual([]);
  });

  it('end whole when a part of them is unregistered, and not before', () => {
    const { guest, ring } = guestWith(
      [mmioZone],
      [store(1, ADDRESS), exit, store(1, ADDRESS), exit, store(1, ADDRESS)].flat(),
    );
    using _guest = guest;
    guest.run();
    guest.vm.coalesced.unregister({ ...mmioZone, size: 0x200 });
    guest.vm.coalesced.unregister({ ...mmioZone, space: 'pio' });
    expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_IO);
    guest.vm.coalesced.unregister({ ...mmioZone, address: ADDRESS + 8, size: 8 });
    expect(guest.run()).toBe(EXIT_REASONS.KVM_EXIT_MMIO);
    expect(drained(ring).length).toBe(2);
  });

  it('let a write exit when the ring is full, and lose none', () => {
    const count = RING_CAPACITY + 5;
    const code = Array.from({ length: count }, (_, i) => [...movEax(i), ...store(4, ADDRESS)]).flat();
    const { guest, ring } = guestWith([mmioZone], code);
    using _guest = guest;
    const seen: number[] = [];
    for (let reason = guest.run(); reason === EXIT_REASONS.KVM_EXIT_MMIO; reason = guest.run()) {
      ring.drain(({ low }) => seen.push(low));
      seen.push(guest.page.mmio.value);
    }
    ring.drain(({ low }) => seen.push(low));
    expect(guest.page.io.port).toBe(EXIT_PORT);
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('are refused when the bus is full, with a hint', () => {
    using kvm = Kvm.open();
    using vm = kvm.createVm();
    const fill = () => {
      for (let i = 0; i < 2000; i++) vm.coalesced.register({ space: 'mmio', address: ADDRESS + 8 * i, size: 8 });
    };
    expect(fill).toThrow(
      expect.objectContaining({ ioctl: 'KVM_REGISTER_COALESCED_MMIO', errnoName: 'ENOSPC', hint: expect.any(String) }),
    );
  });
});
