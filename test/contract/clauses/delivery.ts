/** Clause: which accesses a region gets, in how many commands, and which go to the VMM's ordinary handler. */
import { describe, expect, it } from 'vitest';
import { type Access, allOnes, read, type Space, stringIn, stringOut, write } from '../accesses.js';
import type { UnhandledAccess } from '../harness.js';
import { expectQuiet, MMIO_BASE, PIO_BASE, type Stage, valuesOf } from '../stage.js';

const PAGE = 0x1000;
/** Regions of this many bytes end in the middle of a page. */
const SHORT = 0x18;

function unhandledOf({ kind, space, address, size, value }: Access): UnhandledAccess {
  return { vcpu: 0, space, write: kind === 'write', address, size, value };
}

/** In the middle of a page, so that accesses around it stay whole. */
function baseOf(space: Space): number {
  return space === 'mmio' ? MMIO_BASE + 0x100 : PIO_BASE;
}

export function describeDelivery(stage: Stage): void {
  describe('delivers to a region', () => {
    it.each(['mmio', 'pio'] as const)('%s accesses from its first to its last byte', async (space) => {
      const { channel } = stage.region({ space, gpa: baseOf(space), size: SHORT });
      const last = baseOf(space) + SHORT - 1;
      const results = stage.perform(read(space, baseOf(space), 4), read(space, last, 1), read(space, last - 3, 4));
      const offsets = [await channel.peer.answer(1), await channel.peer.answer(2), await channel.peer.answer(3)];
      expect(offsets.map(({ offset }) => offset)).toEqual([0, SHORT - 1, SHORT - 4]);
      expect(valuesOf(await results)).toEqual([1n, 2n, 3n]);
      expectQuiet(stage.machine);
    });

    it('its own accesses only, where several regions of both spaces share an fd: each brings its user data', async () => {
      const channel = stage.channel();
      stage.addRegion({ channel, size: SHORT, userData: 1 });
      stage.addRegion({ channel, size: SHORT, userData: 2n ** 64n - 1n, gpa: MMIO_BASE + SHORT });
      stage.addRegion({ channel, size: SHORT, userData: 1, space: 'pio' });
      const results = stage.perform(
        read('mmio', MMIO_BASE + SHORT - 1, 1),
        read('mmio', MMIO_BASE + SHORT, 1),
        read('pio', PIO_BASE + 2, 1),
      );
      const seen = [await channel.peer.answer(1), await channel.peer.answer(2), await channel.peer.answer(3)];
      expect(seen.map(({ userData, offset }) => [userData, offset])).toEqual([
        [1n, SHORT - 1],
        [2n ** 64n - 1n, 0],
        [1n, 2],
      ]);
      expect(valuesOf(await results)).toEqual([1n, 2n, 3n]);
    });

    it('each element of a string write as a command of its own, in order', async () => {
      const { channel } = stage.region({ space: 'pio' });
      const elements = [0x1111n, 0x2222n, 0x3333n];
      const results = stage.perform(stringOut(PIO_BASE + 2, 2, elements));
      for (const element of elements) {
        const { write: isWrite, size, offset, data } = await channel.peer.answer(0);
        expect({ isWrite, size, offset, data }).toEqual({ isWrite: true, size: 2, offset: 2, data: element });
      }
      await results;
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it('each element of a string read as a command of its own, in order', async () => {
      const { channel } = stage.region({ space: 'pio' });
      const results = stage.perform(stringIn(PIO_BASE, 4, 3));
      for (const value of [0xa000_0001, 2, 3]) await channel.peer.answer(value);
      expect((await results)[0]!.elements).toEqual([0xa000_0001n, 2n, 3n]);
    });

    it.each([
      { size: 4, before: 2, pieces: [2, 2] },
      { size: 8, before: 4, pieces: [4, 4] },
    ])('an access of $size bytes that crosses a page as two commands', async ({ size, before, pieces }) => {
      const { channel } = stage.region({ size: 2 * PAGE });
      const value = 0x1122_3344_5566_7788n & allOnes(size);
      const address = MMIO_BASE + PAGE - before;
      const results = stage.perform(write('mmio', address, size, value), read('mmio', address, size));
      const low = value & allOnes(before);
      const high = value >> BigInt(8 * before);
      const writes = [await channel.peer.answer(0), await channel.peer.answer(0)];
      expect(writes.map((seen) => [seen.size, seen.data])).toEqual([
        [pieces[0], low],
        [pieces[1], high],
      ]);
      await channel.peer.answer(low);
      expect((await channel.peer.answer(high)).offset).toBe(PAGE);
      expect(valuesOf(await results)).toEqual([0n, value]);
      expectQuiet(stage.machine);
    });

    it('its half of an access that crosses into the next region', async () => {
      const first = stage.region({ size: PAGE });
      const second = stage.region({ size: PAGE, gpa: MMIO_BASE + PAGE });
      const results = stage.perform(read('mmio', MMIO_BASE + PAGE - 2, 4));
      expect((await first.channel.peer.answer(0xbbaa)).offset).toBe(PAGE - 2);
      expect((await second.channel.peer.answer(0xddcc)).offset).toBe(0);
      expect(valuesOf(await results)).toEqual([0xddcc_bbaan]);
    });

    it('and counts what it delivers', async () => {
      const { channel, region } = stage.region();
      const posted = stage.region({ gpa: MMIO_BASE + PAGE, postedWrites: true });
      const results = stage.perform(
        read('mmio', MMIO_BASE, 4, 2),
        write('mmio', MMIO_BASE, 4, 1),
        write('mmio', MMIO_BASE + PAGE, 4, 1),
      );
      for (let count = 0; count < 3; count++) await channel.peer.answer(0);
      await results;
      expect(region.stats()).toEqual({ reads: 2, writes: 1, posted: 0, failures: 0, ended: 0 });
      expect(posted.region.stats()).toEqual({ reads: 0, writes: 0, posted: 1, failures: 0, ended: 0 });
    });
  });

  describe('leaves to the ordinary handler', () => {
    it.each(['mmio', 'pio'] as const)('%s accesses that straddle an end of a region, or miss it', async (space) => {
      const { channel } = stage.region({ space, gpa: baseOf(space), size: SHORT });
      const base = baseOf(space);
      const accesses = [
        write(space, base - 1, 2, 0x1111),
        write(space, base + SHORT - 1, 2, 0x2222),
        write(space, base + SHORT - 2, 4, 0x3333_3333),
        write(space, base + SHORT, 1, 0x44),
        read(space, base + SHORT - 3, 4),
        read(space, base - 4, 4),
      ];
      const results = await stage.perform(...accesses);
      expect(stage.machine.unhandled).toEqual(accesses.map(unhandledOf));
      expect(valuesOf(results).slice(4)).toEqual([allOnes(4), allOnes(4)]);
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it('pieces of an odd size, which an access that crosses a page leaves', async () => {
      const { channel } = stage.region({ size: 2 * PAGE });
      const results = stage.perform(read('mmio', MMIO_BASE + PAGE - 3, 8), read('mmio', MMIO_BASE + PAGE - 1, 4));
      expect((await channel.peer.answer(0x5a)).offset).toBe(PAGE - 1);
      expect(valuesOf(await results)).toEqual([allOnes(8), 0xffff_ff5an]);
      expect(stage.machine.unhandled.map(({ address, size }) => [address - MMIO_BASE, size])).toEqual([
        [PAGE - 3, 3],
        [PAGE, 5],
        [PAGE, 3],
      ]);
    });

    it('accesses wider than a region of one byte', async () => {
      const { channel } = stage.region({ size: 1 });
      const results = stage.perform(write('mmio', MMIO_BASE, 2, 7), write('mmio', MMIO_BASE, 1, 8));
      expect((await channel.peer.answer(0)).data).toBe(8n);
      await results;
      expect(stage.machine.unhandled).toEqual([unhandledOf(write('mmio', MMIO_BASE, 2, 7))]);
    });

    it('every element of a string access outside all regions', async () => {
      stage.region({ space: 'pio', size: 4 });
      await stage.perform(stringOut(PIO_BASE + 4, 1, [1n, 2n, 3n]));
      expect(stage.machine.unhandled.map(({ address, value }) => [address, value])).toEqual([
        [PIO_BASE + 4, 1n],
        [PIO_BASE + 4, 2n],
        [PIO_BASE + 4, 3n],
      ]);
    });
  });

  describe('delivers to a sizeless region', () => {
    it.each(['mmio', 'pio'] as const)('%s writes of any width at exactly its address', async (space) => {
      const { channel } = stage.region({ space, gpa: baseOf(space), size: 0, postedWrites: true, userData: 9 });
      const widths = space === 'mmio' ? [1, 2, 4, 8] : [1, 2, 4];
      await stage.perform(...widths.map((size) => write(space, baseOf(space), size, 1)));
      const seen = await channel.peer.commands(widths.length);
      for (const command of seen) {
        expect(command).toMatchObject({ write: true, responseWanted: false, userData: 9n, offset: 0 });
      }
      expectQuiet(stage.machine);
    });

    it.each(['mmio', 'pio'] as const)('no %s read, and no write next to its address', async (space) => {
      const { channel } = stage.region({ space, gpa: baseOf(space), size: 0, postedWrites: true });
      const base = baseOf(space);
      const accesses = [read(space, base, 4), write(space, base + 1, 1, 1), write(space, base - 1, 2, 2)];
      expect(valuesOf(await stage.perform(...accesses))[0]).toBe(allOnes(4));
      expect(stage.machine.unhandled).toEqual(accesses.map(unhandledOf));
      expect(channel.peer.pendingBytes()).toBe(0);
    });

    it('writes in their order among those of a sized region on the same fd, whose reads are answered', async () => {
      const channel = stage.channel();
      stage.addRegion({ channel, size: 0, postedWrites: true, userData: 1 });
      stage.addRegion({ channel, size: 4, userData: 2, gpa: MMIO_BASE + 8 });
      const doorbell = write('mmio', MMIO_BASE, 4, 1);
      const results = stage.perform(doorbell, read('mmio', MMIO_BASE + 8, 4), doorbell);
      expect((await channel.peer.command()).userData).toBe(1n);
      expect((await channel.peer.answer(0x77)).userData).toBe(2n);
      expect((await channel.peer.command()).userData).toBe(1n);
      expect(valuesOf(await results)[1]).toBe(0x77n);
    });
  });
}
