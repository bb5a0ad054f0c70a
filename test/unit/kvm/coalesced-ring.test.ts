import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CoalescedRing } from '#dist/src/kvm/coalesced-ring.js';
import { kvmCoalescedMmio, kvmCoalescedMmioRing } from '#dist/src/kvm/uapi/vm-structs.js';

const PAGE = 4096;
const RING_PAGE = 2;
const CAPACITY = 170;
const HEAD_BYTES = kvmCoalescedMmioRing.size;

/** The producer's side of a ring, as the kernel plays it. */
class FakeKernel {
  readonly buffer = new ArrayBuffer(3 * PAGE);
  readonly bytes = new Uint8Array(this.buffer, RING_PAGE * PAGE, PAGE);

  get indices(): { first: number; last: number } {
    return kvmCoalescedMmioRing.decode(this.bytes);
  }

  set indices(indices: { first: number; last: number }) {
    kvmCoalescedMmioRing.encodeInto(this.bytes, 0, indices);
  }

  write(address: bigint, len = 4): void {
    const { first, last } = this.indices;
    const entry = { physAddr: address, len, pio: 0, data: [1, 2, 3, 4, 5, 6, 7, 8] };
    kvmCoalescedMmio.encodeInto(this.bytes, HEAD_BYTES + last * kvmCoalescedMmio.size, entry);
    this.indices = { first, last: (last + 1) % CAPACITY };
  }
}

const addresses = (ring: CoalescedRing): number[] => {
  const seen: number[] = [];
  ring.drain(({ address }) => seen.push(address));
  return seen;
};

describe('the coalesced ring', () => {
  it('gives address, size and data of an entry', () => {
    const kernel = new FakeKernel();
    kernel.write(0x12_3456_7890n, 8);
    const ring = new CoalescedRing(kernel.buffer, RING_PAGE);
    ring.drain(({ address, size, low, high, isPio }) => {
      expect([address, size, low, high, isPio]).toEqual([0x12_3456_7890, 8, 0x0403_0201, 0x0807_0605, false]);
    });
    expect.assertions(1);
  });

  it('goes round at the end of the page', () => {
    const kernel = new FakeKernel();
    const ring = new CoalescedRing(kernel.buffer, RING_PAGE);
    kernel.indices = { first: CAPACITY - 1, last: CAPACITY - 1 };
    for (const address of [1n, 2n, 3n]) kernel.write(address);
    expect(addresses(ring)).toEqual([1, 2, 3]);
    expect(kernel.indices).toEqual({ first: 2, last: 2 });
  });

  it('frees an entry only after its handler', () => {
    const kernel = new FakeKernel();
    const ring = new CoalescedRing(kernel.buffer, RING_PAGE);
    kernel.write(1n);
    kernel.write(2n);
    const firsts: number[] = [];
    ring.drain(() => firsts.push(kernel.indices.first));
    expect([...firsts, kernel.indices.first]).toEqual([0, 1, 2]);
  });

  it('keeps the entry whose handler threw', () => {
    const kernel = new FakeKernel();
    const ring = new CoalescedRing(kernel.buffer, RING_PAGE);
    kernel.write(1n);
    kernel.write(2n);
    const failing = ({ address }: { address: number }) => {
      if (address === 2) throw new Error('not now');
    };
    expect(() => ring.drain(failing)).toThrow('not now');
    expect(addresses(ring)).toEqual([2]);
  });

  it.each([
    ['first', { first: CAPACITY, last: 0 }],
    ['last', { first: 0, last: 0xffff_ffff }],
  ])('refuses an impossible %s', (_, indices) => {
    const kernel = new FakeKernel();
    kernel.indices = indices;
    const ring = new CoalescedRing(kernel.buffer, RING_PAGE);
    expect(() => addresses(ring)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_KVM_COALESCED_RING' }));
  });

  it.each([0, 9, 0xffff_ffff])('refuses a length of %i', (len) => {
    const kernel = new FakeKernel();
    kernel.write(1n, len);
    const ring = new CoalescedRing(kernel.buffer, RING_PAGE);
    expect(() => addresses(ring)).toThrow('length');
  });

  it('ends within one turn of the ring, whatever bytes the page holds', () => {
    const pages = fc.record({
      first: fc.nat(CAPACITY + 10),
      last: fc.nat(CAPACITY + 10),
      fill: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    });
    fc.assert(
      fc.property(pages, ({ first, last, fill }) => {
        const kernel = new FakeKernel();
        for (let i = 0; i < PAGE; i += fill.length) kernel.bytes.set(fill, i);
        kernel.indices = { first, last };
        let seen = 0;
        try {
          new CoalescedRing(kernel.buffer, RING_PAGE).drain(() => seen++);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_IOREGION_KVM_COALESCED_RING' });
        }
        expect(seen).toBeLessThan(CAPACITY);
      }),
    );
  });
});
