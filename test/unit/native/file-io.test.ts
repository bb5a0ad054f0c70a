import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Fd, FileFlag, FileIo, type FileIoEngine, Mapping, Memfd, native, PAGE_SIZE } from 'ioregion/native';
import { describe, expect, it, vi } from 'vitest';
import { compileWithoutIoUring, FILE_IO_ENGINES } from '../../support/io-uring.js';
import { describeWhere } from '../../support/require.js';
import { layer, runScript } from '../../support/script.js';
import { temporaryDirectory } from '../../support/temporary.js';

const { EFAULT, EINVAL, EOPNOTSUPP } = constants.errno;
const SLOTS = 4;
const SEGMENTS = 3;
const directory = temporaryDirectory();

/** Byte n of a file is n modulo 251, so that no two pages are equal. */
const pattern = (length: number, from = 0) => Uint8Array.from({ length }, (_, index) => (from + index) % 251);

function openFile(name: string, content: Uint8Array): Fd {
  const path = join(directory, name);
  writeFileSync(path, content);
  return new Fd(openSync(path, 'r+'));
}

/** Submits until `slots` requests have completed: the numbers of the slots in the order they did. */
async function finish(io: FileIo, slots = 1): Promise<number[]> {
  const done: number[] = [];
  await vi.waitFor(() => {
    const count = io.submit();
    for (let index = 0; index < count; index++) done.push(io.completed(index));
    expect(done.length).toBeGreaterThanOrEqual(slots);
  });
  return done;
}

async function run(io: FileIo, slot = 0): Promise<number> {
  expect(await finish(io)).toEqual([slot]);
  return io.result(slot);
}

for (const { engine, needs } of FILE_IO_ENGINES) {
  describeWhere(needs, `FileIo by ${engine}`, () => {
    const open = (fd: Fd, segmentsPerSlot = SEGMENTS) => FileIo.open(fd, { slots: SLOTS, segmentsPerSlot, engine });

    it('reads into segments of several mappings, in order', async () => {
      using fd = openFile('read', pattern(2 * PAGE_SIZE));
      using first = Mapping.anonymous(PAGE_SIZE);
      using second = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      const [a, b] = [io.attach(first), io.attach(second)];
      io.read(0, 1000);
      expect(io.addSegment(0, b, 8, 3)).toBe(true);
      expect(io.addSegment(0, a, PAGE_SIZE - 5, 5)).toBe(true);
      expect(io.addSegment(0, b, 100, 200)).toBe(true);
      expect(await run(io)).toBe(208);
      expect(second.bytes.slice(8, 11)).toEqual(pattern(3, 1000));
      expect(first.bytes.slice(PAGE_SIZE - 5)).toEqual(pattern(5, 1003));
      expect(second.bytes.slice(100, 300)).toEqual(pattern(200, 1008));
    });

    it('writes from segments, durably where asked', async () => {
      using fd = openFile('write', new Uint8Array(PAGE_SIZE));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      const index = io.attach(mapping);
      mapping.bytes.set(pattern(PAGE_SIZE));
      for (const flags of [0, FileFlag.durable]) {
        io.write(0, 512 + flags, flags);
        io.addSegment(0, index, 7, 10);
        io.addSegment(0, index, 50, 1);
        expect(await run(io)).toBe(11);
        expect(readFileSync(join(directory, 'write')).subarray(512 + flags, 523 + flags)).toEqual(
          Buffer.from([...pattern(10, 7), 50]),
        );
      }
    });

    it('says when a slot has no room for another segment', () => {
      using fd = openFile('room', pattern(8));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd, 2);
      const index = io.attach(mapping);
      io.read(1, 0);
      expect([1, 2, 3].map(() => io.addSegment(1, index, 0, 1))).toEqual([true, true, false]);
    });

    it('keeps the requests of a submit apart, and the results of each', async () => {
      using fd = openFile('many', pattern(PAGE_SIZE));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      const index = io.attach(mapping);
      for (let slot = 0; slot < SLOTS; slot++) {
        io.read(slot, slot * 1000);
        io.addSegment(slot, index, slot * 10, slot + 1);
      }
      expect([...(await finish(io, SLOTS))].sort()).toEqual([0, 1, 2, 3]);
      expect([0, 1, 2, 3].map((slot) => io.result(slot))).toEqual([1, 2, 3, 4]);
      expect(mapping.bytes.slice(30, 34)).toEqual(pattern(4, 3000));
      expect(io.inFlight).toBe(0);
    });

    it('reports the end of the file as a short read, and beyond it as 0', async () => {
      using fd = openFile('short', pattern(100));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      const index = io.attach(mapping);
      for (const [position, expected] of [
        [60, 40],
        [100, 0],
        [2 ** 52, 0],
      ] as const) {
        io.read(0, position);
        io.addSegment(0, index, 0, 64);
        expect(await run(io)).toBe(expected);
      }
    });

    it('makes holes and zeroes that read as zeroes, and syncs', async () => {
      using fd = openFile('holes', pattern(4 * PAGE_SIZE));
      using io = open(fd);
      io.punchHole(0, PAGE_SIZE, PAGE_SIZE);
      expect(await run(io)).toBe(0);
      io.zeroRange(1, 3 * PAGE_SIZE, 100);
      const zeroed = await run(io, 1);
      io.sync(0);
      expect(await run(io)).toBe(0);
      const content = readFileSync(join(directory, 'holes'));
      expect(content.subarray(PAGE_SIZE, 2 * PAGE_SIZE)).toEqual(Buffer.alloc(PAGE_SIZE));
      expect(content.subarray(0, PAGE_SIZE)).toEqual(Buffer.from(pattern(PAGE_SIZE)));
      expect([0, -EOPNOTSUPP]).toContain(zeroed);
      if (zeroed === 0) expect(content.subarray(3 * PAGE_SIZE, 3 * PAGE_SIZE + 100)).toEqual(Buffer.alloc(100));
    });

    it('completes with EFAULT what names memory it has not attached, and touches nothing', async () => {
      using fd = openFile('fault', pattern(PAGE_SIZE));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using gone = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      const index = io.attach(mapping);
      const detached = io.attach(gone);
      io.detach(detached);
      const unmapped = io.attach(gone);
      gone.unmap();
      const bad: [number, number, number][] = [
        [index, 0, PAGE_SIZE + 1],
        [index, PAGE_SIZE, 1],
        [index, 2 ** 32 - 1, 2],
        [unmapped, 0, 1],
        [unmapped + 1, 0, 1],
        [2 ** 32 - 1, 0, 1],
      ];
      for (const [name, offset, length] of bad) {
        io.read(0, 0);
        io.addSegment(0, index, 0, 8);
        io.addSegment(0, name, offset, length);
        expect(await run(io)).toBe(-EFAULT);
      }
      expect(mapping.bytes.every((byte) => byte === 0)).toBe(true);
    });

    it('completes with EINVAL what is no request', async () => {
      using fd = openFile('invalid', pattern(PAGE_SIZE));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      const index = io.attach(mapping);
      for (const position of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        io.read(0, position);
        io.addSegment(0, index, 0, 1);
        expect(await run(io)).toBe(-EINVAL);
      }
      io.read(0, 0);
      expect(await run(io)).toBe(-EINVAL);
      io.punchHole(0, 0, -1);
      expect(await run(io)).toBe(-EINVAL);
    });

    it('refuses a slot that does not exist or is listed twice, and submits nothing of that list', () => {
      using fd = openFile('list', pattern(PAGE_SIZE));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      const index = io.attach(mapping);
      for (const second of [0, SLOTS]) {
        io.read(0, 0);
        io.addSegment(0, index, 0, 8);
        io.sync(second);
        expect(() => io.submit()).toThrow(RangeError);
      }
      expect(mapping.bytes[1]).toBe(0);
      expect(io.submit()).toBe(0);
    });

    it('refuses everything after its close, which may be repeated', () => {
      using fd = openFile('closed', pattern(PAGE_SIZE));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      const io = open(fd);
      io.attach(mapping);
      io.close();
      io.close();
      mapping.unmap();
      io.sync(0);
      expect(() => io.submit()).toThrow(expect.objectContaining({ code: 'EBADF' }));
      expect(() => io.attach(mapping)).toThrow(expect.objectContaining({ errnoName: 'EBADF' }));
      expect(() => io.detach(0)).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }));
    });

    it('works on a duplicate, so that closing the descriptor first is harmless', async () => {
      const fd = openFile('duplicate', pattern(PAGE_SIZE));
      using mapping = Mapping.anonymous(PAGE_SIZE);
      using io = open(fd);
      fd.close();
      io.read(0, 5);
      io.addSegment(0, io.attach(mapping), 0, 1);
      expect(await run(io)).toBe(1);
      expect(mapping.bytes[0]).toBe(5);
    });
  });
}

describe('FileIo by auto', () => {
  it('takes plain system calls for a file in memory, which io_uring would hand to a kernel thread', () => {
    using file = Memfd.create({ name: 'auto', size: PAGE_SIZE });
    expect(native.canTryRead(file.number)).toBe(false);
    using io = FileIo.open(file, { slots: 1, segmentsPerSlot: 1 });
    expect(io.engine).toBe('sync');
  });

  it('reads by plain system calls where io_uring is forbidden, and says so when asked for it', () => {
    const path = join(directory, 'forbidden');
    writeFileSync(path, pattern(PAGE_SIZE));
    const source = `
      import { openSync } from 'node:fs';
      import { Fd, FileIo, Mapping, native } from ${layer('native')};
      native.canTryRead = () => true;
      const fd = new Fd(openSync(${JSON.stringify(path)}));
      const options = { slots: 1, segmentsPerSlot: 1 };
      try { FileIo.open(fd, { ...options, engine: 'uring' }); } catch (error) { console.log(error.code, error.errnoName); }
      const io = FileIo.open(fd, options);
      const mapping = Mapping.anonymous(4096);
      io.read(0, 77);
      io.addSegment(0, io.attach(mapping), 0, 1);
      console.log(io.engine, io.submit(), io.result(0), mapping.bytes[0]);`;
    const { stdout, stderr } = runScript(source, '', compileWithoutIoUring(directory));
    expect(stderr).toBe('');
    expect(stdout).toBe('ERR_IOREGION_URING_UNAVAILABLE EPERM\nsync 1 1 77\n');
  });
});

describe('FileIo', () => {
  it.each<[number, number, FileIoEngine]>([
    [0, 1, 'sync'],
    [4097, 1, 'sync'],
    [1, 0, 'uring'],
    [1, 1025, 'uring'],
  ])('has no %i slots of %i segments', (slots, segmentsPerSlot, engine) => {
    const fd = new Fd(openSync('/dev/null', 'r'));
    expect(() => FileIo.open(fd, { slots, segmentsPerSlot, engine })).toThrow(RangeError);
    closeSync(fd.release());
  });
});
