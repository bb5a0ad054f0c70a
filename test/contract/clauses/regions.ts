/** Clause: adding and removing regions, with the errors of KVM_SET_IOREGION (RFC v3) and a correct overlap test. */
import fc from 'fast-check';
import type { Region, RegionOptions } from 'ioregion/ioregion';
import { afterEach, describe, expect, it } from 'vitest';
import { openFds } from '../../support/open-fds.js';
import { fewer } from '../../support/patience.js';
import { MMIO_BASE, PIO_BASE, type Stage } from '../stage.js';

const END = 2n ** 64n;
/** NR_IOBUS_DEVS of the kernel. */
const REGIONS_PER_SPACE = 1000;

const INVALID = { code: 'ERR_IOREGION_REGION_INVALID' };
const BAD_FD = { code: 'ERR_IOREGION_REGION_BAD_FD' };
const EXISTS = { code: 'ERR_IOREGION_REGION_EXISTS' };
const LIMIT = { code: 'ERR_IOREGION_REGION_LIMIT' };

type Range = Pick<RegionOptions, 'gpa' | 'size'> & Partial<RegionOptions>;

export function describeRegions(stage: Stage): void {
  const added: Region[] = [];
  afterEach(() => {
    for (const region of added.splice(0)) region.remove();
  });

  /** A region whose fd nobody reads. */
  function add(options: Range): Region {
    const near = options.readFd === undefined || options.writeFd === undefined ? stage.channel().near : {};
    const region = stage.machine.dispatcher.addRegion({ space: 'mmio', ...near, ...options } as RegionOptions);
    added.push(region);
    return region;
  }
  const adding = (options: Range) => () => add(options);

  describe('refuses a region with EINVAL', () => {
    it.each<Range & { why: string }>([
      { why: 'without a size that is not posted', gpa: MMIO_BASE, size: 0 },
      { why: 'that wraps around', gpa: END - 0x1000n, size: 0x2000 },
      { why: 'that ends at 2^64, as RFC v3 does', gpa: END - 0x1000n, size: 0x1000 },
      { why: 'at a negative address', gpa: -1n, size: 1 },
      { why: 'above 2^64', gpa: END, size: 1 },
      { why: 'at half an address', gpa: 0.5, size: 1 },
      { why: 'with an address that no number holds exactly', gpa: 2 ** 53, size: 1 },
      { why: 'with user data of more than 64 bits', gpa: MMIO_BASE, size: 1, userData: END },
    ])('$why', ({ why: _, ...options }) => {
      expect(adding(options)).toThrow(expect.objectContaining(INVALID));
    });

    it('whose two fds belong to different channels', () => {
      const [one, two] = [stage.channel(), stage.channel()];
      const pair = (read: typeof one, write: typeof one) => ({ readFd: read.near.readFd, writeFd: write.near.writeFd });
      add({ gpa: 0x1000, size: 4, ...pair(one, one) });
      add({ gpa: 0x2000, size: 4, ...pair(two, two) });
      expect(adding({ gpa: 0x3000, size: 4, ...pair(one, two) })).toThrow(expect.objectContaining(INVALID));
      expect(adding({ gpa: 0x3000, size: 4, ...pair(two, one) })).toThrow(expect.objectContaining(INVALID));
      expect(adding({ gpa: 0x3000, size: 4, ...pair(stage.channel(), one) })).toThrow(expect.objectContaining(INVALID));
      expect(adding({ gpa: 0x3000, size: 4, ...pair(one, stage.channel()) })).toThrow(expect.objectContaining(INVALID));
      add({ gpa: 0x3000, size: 4, ...pair(one, one) });
    });

    it('before it looks at the fds, and at the fds before it looks for overlaps', () => {
      add({ gpa: 0x1000, size: 4 });
      expect(adding({ gpa: END - 1n, size: 4, readFd: -1, writeFd: -1 })).toThrow(expect.objectContaining(INVALID));
      expect(adding({ gpa: 0x1000, size: 4, readFd: -1, writeFd: -1 })).toThrow(expect.objectContaining(BAD_FD));
    });
  });

  describe('refuses a region with EBADF', () => {
    it.each(['readFd', 'writeFd'])('whose %s is not open', (which) => {
      for (const notOpen of [-1, 1_000_000]) {
        expect(adding({ gpa: MMIO_BASE, size: 4, [which]: notOpen })).toThrow(expect.objectContaining(BAD_FD));
      }
    });

    it('but does not look at the readFd of a sizeless one', () => {
      add({ gpa: MMIO_BASE, size: 0, postedWrites: true, readFd: -1 });
    });
  });

  it('keeps duplicates of the fds: the owner may close its own', async () => {
    const { channel } = stage.region({ postedWrites: true });
    channel.closeNear();
    await stage.perform({ kind: 'write', space: 'mmio', address: MMIO_BASE, size: 4, value: 3n, count: 1, step: 0n });
    expect((await channel.peer.command()).data).toBe(3n);
  });

  describe('refuses a region with EEXIST', () => {
    const POSTED = { postedWrites: true };
    /** Half-open ranges against one of 16 bytes at 0x100. */
    it.each<Range & { overlaps: boolean; why: string }>([
      { gpa: 0x100, size: 0x10, overlaps: true, why: 'the same range' },
      { gpa: 0xf0, size: 0x10, overlaps: false, why: 'one that ends where it starts' },
      { gpa: 0x110, size: 0x10, overlaps: false, why: 'one that starts where it ends' },
      { gpa: 0xf0, size: 0x11, overlaps: true, why: 'one whose last byte is its first' },
      { gpa: 0x10f, size: 0x10, overlaps: true, why: 'one whose first byte is its last' },
      { gpa: 0x100, size: 1, overlaps: true, why: 'one byte, its first' },
      { gpa: 0x10f, size: 1, overlaps: true, why: 'one byte, its last' },
      { gpa: 0xff, size: 1, overlaps: false, why: 'the byte before' },
      { gpa: 0x110, size: 1, overlaps: false, why: 'the byte after' },
      { gpa: 0x80, size: 0x100, overlaps: true, why: 'one that contains it' },
      { gpa: 0x104, size: 4, overlaps: true, why: 'one inside it' },
      { gpa: 0x101, size: 0, ...POSTED, overlaps: true, why: 'a sizeless one inside it' },
      { gpa: 0xf8, size: 0, ...POSTED, overlaps: false, why: 'a sizeless one, as 8 bytes, up to it' },
      { gpa: 0xf9, size: 0, ...POSTED, overlaps: true, why: 'a sizeless one whose 8 bytes reach it' },
      { gpa: 0x110, size: 0, ...POSTED, overlaps: false, why: 'a sizeless one behind it' },
      { gpa: 0, size: END - 1n, overlaps: true, why: 'the whole space' },
    ])('for $why: $overlaps', ({ overlaps, why: _, ...options }) => {
      add({ gpa: 0x100, size: 0x10 });
      if (overlaps) expect(adding(options)).toThrow(expect.objectContaining(EXISTS));
      else add(options);
    });

    it.each([
      { size: 1, free: [0xff, 0x101] },
      { size: 0, free: [0xff, 0x108] },
    ])('for one byte at the address of one of size $size, and not next to it', ({ size, free }) => {
      add({ gpa: 0x100, size, postedWrites: true });
      expect(adding({ gpa: 0x100, size: 1 })).toThrow(expect.objectContaining(EXISTS));
      expect(adding({ gpa: 0x100, size: 0, ...POSTED })).toThrow(expect.objectContaining(EXISTS));
      for (const gpa of free) add({ gpa, size: 1 });
    });

    it('for nothing in the other space', () => {
      add({ gpa: PIO_BASE, size: 4 });
      add({ gpa: PIO_BASE, size: 4, space: 'pio' });
      expect(adding({ gpa: PIO_BASE, size: 4, space: 'pio' })).toThrow(expect.objectContaining(EXISTS));
    });

    it('up to the end of the 64-bit space', () => {
      add({ gpa: END - 0x1000n, size: 0xfff });
      expect(adding({ gpa: END - 2n, size: 1 })).toThrow(expect.objectContaining(EXISTS));
      add({ gpa: END - 1n, size: 0, ...POSTED });
      expect(adding({ gpa: END - 1n, size: 0, ...POSTED })).toThrow(expect.objectContaining(EXISTS));
    });
  });

  it('takes and refuses what a model of half-open ranges does, in any order of adding and removing', () => {
    const range = fc.record({
      gpa: fc.integer({ min: 0, max: 40 }),
      size: fc.integer({ min: 0, max: 12 }),
      pio: fc.boolean(),
    });
    const { near } = stage.channel();
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: range }, fc.nat(20)), { maxLength: 40 });
    fc.assert(
      fc.property(steps, (script) => {
        const model: { gpa: number; end: number; pio: boolean; region: Region }[] = [];
        for (const step of script) {
          if (typeof step === 'number') model.splice(step, 1)[0]?.region.remove();
          else {
            const end = step.gpa + (step.size === 0 ? 8 : step.size);
            const taken = model.some((other) => other.pio === step.pio && step.gpa < other.end && other.gpa < end);
            const options = {
              ...near,
              ...step,
              space: step.pio ? ('pio' as const) : ('mmio' as const),
              postedWrites: true,
            };
            if (taken)
              expect(() => stage.machine.dispatcher.addRegion(options)).toThrow(expect.objectContaining(EXISTS));
            else model.push({ gpa: step.gpa, end, pio: step.pio, region: stage.machine.dispatcher.addRegion(options) });
          }
        }
        for (const { region } of model) region.remove();
      }),
      { numRuns: fewer(200) },
    );
  });

  it(`refuses region number ${REGIONS_PER_SPACE + 1} of a space with ENOSPC`, () => {
    const { near } = stage.channel();
    const regions = Array.from({ length: REGIONS_PER_SPACE }, (_, index) => add({ ...near, gpa: 8 * index, size: 8 }));
    const oneMore = { ...near, gpa: 8 * REGIONS_PER_SPACE, size: 8 };
    expect(adding(oneMore)).toThrow(expect.objectContaining(LIMIT));
    add({ ...oneMore, space: 'pio' });
    regions[500]!.remove();
    add(oneMore);
  });

  it('leaves no descriptor behind, whether it takes a region or refuses it', () => {
    const { near } = stage.channel();
    const gone = stage.channel();
    const pair = { readFd: gone.near.readFd.number, writeFd: near.writeFd.number };
    const before = openFds();
    for (let round = 0; round < fewer(250); round++) {
      const region = add({ ...near, gpa: 0x1000, size: 0x1000 });
      expect(adding({ ...near, gpa: 0x1000, size: 4 })).toThrow(expect.objectContaining(EXISTS));
      expect(adding({ ...near, gpa: 0x1000, size: 0 })).toThrow(expect.objectContaining(INVALID));
      expect(adding({ ...near, gpa: 0x2000, size: 4, ...pair })).toThrow(expect.objectContaining(INVALID));
      expect(adding({ ...near, gpa: 0x2000, size: 4, readFd: -1 })).toThrow(expect.objectContaining(BAD_FD));
      region.remove();
    }
    expect(openFds()).toEqual(before);
  });

  it('tells errors apart by class and code, and says what to do', () => {
    add({ gpa: 0x100, size: 4 });
    expect(adding({ gpa: 0x100, size: 4 })).toThrow(
      expect.objectContaining({ errnoName: 'EEXIST', errno: 17, message: expect.stringMatching(/remove/) }),
    );
  });

  it('refuses regions once it is closed, which it may be twice', async () => {
    const machine = await stage.ownMachine();
    machine.dispatcher.close();
    machine.dispatcher.close();
    const options = { space: 'mmio' as const, gpa: 0, size: 4, ...stage.channel().near };
    expect(() => machine.dispatcher.addRegion(options)).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_DISPATCHER_CLOSED' }),
    );
  });
}
