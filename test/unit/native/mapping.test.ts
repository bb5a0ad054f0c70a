import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EventFd, Fd, MAX_MAPPING_LENGTH, Mapping, Memfd, native, PAGE_SIZE, UnmappedError } from 'ioregion/native';
import { describe, expect, it } from 'vitest';
import { collectUntil } from '../../support/garbage.js';
import { mappingCount } from '../../support/open-fds.js';
import { layer } from '../../support/script.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();
const transfer = (ArrayBuffer.prototype as { transfer?: () => ArrayBuffer }).transfer;

describe('Mapping', () => {
  it('is zeroed memory that keeps what is written', () => {
    using mapping = Mapping.anonymous(2 * PAGE_SIZE);
    expect(mapping.bytes.every((byte) => byte === 0)).toBe(true);
    mapping.bytes.fill(7);
    expect(mapping.bytes[2 * PAGE_SIZE - 1]).toBe(7);
    expect(mapping.buffer).toBe(mapping.buffer);
  });

  it('shares a file with other mappings of it', () => {
    using memfd = Memfd.create({ name: 'test', size: 2 * PAGE_SIZE });
    using whole = Mapping.ofFile(memfd, { length: 2 * PAGE_SIZE });
    using second = Mapping.ofFile(memfd, { offset: PAGE_SIZE, length: PAGE_SIZE });
    second.bytes[0] = 42;
    expect(whole.bytes[PAGE_SIZE]).toBe(42);
  });

  it('keeps writes to itself when copy-on-write', () => {
    using memfd = Memfd.create({ name: 'test', size: PAGE_SIZE });
    using shared = Mapping.ofFile(memfd, { length: PAGE_SIZE });
    using copy = Mapping.ofFile(memfd, { length: PAGE_SIZE, copyOnWrite: true });
    shared.bytes[0] = 1;
    expect(copy.bytes[0]).toBe(1);
    copy.bytes[0] = 2;
    expect(shared.bytes[0]).toBe(1);
  });

  it('writes to the file of a path, and sync returns once it is there', () => {
    const path = join(directory, 'file');
    writeFileSync(path, new Uint8Array(PAGE_SIZE));
    using fd = new Fd(openSync(path, 'r+'));
    using mapping = Mapping.ofFile(fd, { length: PAGE_SIZE });
    mapping.bytes.set(new TextEncoder().encode('hello'));
    mapping.sync();
    expect(readFileSync(path, 'latin1').slice(0, 5)).toBe('hello');
    unlinkSync(path);
  });

  it('finds zeroes behind the end of a file that was made shorter, and says so', () => {
    const path = join(directory, 'shrinking');
    writeFileSync(path, new Uint8Array(4 * PAGE_SIZE).fill(9));
    using fd = new Fd(openSync(path, 'r+'));
    using shrunk = EventFd.create();
    using mapping = Mapping.ofFile(fd, { length: 4 * PAGE_SIZE, shrunk });
    ftruncateSync(fd.number, PAGE_SIZE);
    expect(mapping.bytes[PAGE_SIZE - 1]).toBe(9);
    expect(shrunk.testAndClear()).toBe(false);
    expect(mapping.bytes[2 * PAGE_SIZE]).toBe(0);
    expect(shrunk.testAndClear()).toBe(true);
    mapping.bytes[3 * PAGE_SIZE] = 7;
    expect(mapping.bytes[3 * PAGE_SIZE]).toBe(7);
    mapping.bytes[PAGE_SIZE] = 1;
    expect(mapping.bytes[0]).toBe(9);
    unlinkSync(path);
  });

  it('finds zeroes on other threads, and in calls into native code, after a file was made shorter', async () => {
    const memfd = new Fd(openSync(join(directory, 'other'), 'w+'));
    ftruncateSync(memfd.number, 2 * PAGE_SIZE);
    const code = `
      const { Fd, EventFd, Mapping, IoVector } = await import(workerData.layer);
      const { ftruncateSync, openSync } = await import('node:fs');
      const file = new Fd(workerData.fd);
      const shrunk = EventFd.create();
      const mapping = Mapping.ofFile(file, { length: 8192, shrunk });
      const source = new Fd(openSync('/dev/zero', 'r'));
      const vector = new IoVector();
      vector.append(vector.attach(mapping), 4096, 4096);
      ftruncateSync(file.number, 0);
      const byKernel = vector.readFrom(source.number);
      const first = mapping.bytes[4096];
      parentPort.postMessage([byKernel, first, shrunk.testAndClear(), vector.readFrom(source.number)]);
      mapping.unmap();
    `;
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads'); (async () => {${code}})()`,
      {
        eval: true,
        workerData: { layer: JSON.parse(layer('native')), fd: memfd.number },
      },
    );
    const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(answer).toEqual([-14, 0, true, 4096]);
    await worker.terminate();
    memfd.close();
  });

  it('reads zeroes after a discard, in the file too', () => {
    using memfd = Memfd.create({ name: 'test', size: 2 * PAGE_SIZE });
    using mapping = Mapping.ofFile(memfd, { length: 2 * PAGE_SIZE });
    using other = Mapping.ofFile(memfd, { length: 2 * PAGE_SIZE });
    mapping.bytes.fill(1);
    mapping.discard(PAGE_SIZE, PAGE_SIZE);
    expect([other.bytes[PAGE_SIZE - 1], other.bytes[PAGE_SIZE]]).toEqual([1, 0]);
    using anonymous = Mapping.anonymous(PAGE_SIZE);
    anonymous.bytes.fill(1);
    anonymous.discard(0, PAGE_SIZE);
    expect(anonymous.bytes[0]).toBe(0);
  });

  it('takes bytes, and parts of a file, and counts as memory of V8 only once its bytes are asked for', () => {
    const path = join(directory, 'source');
    writeFileSync(path, 'abcdef');
    using file = new Fd(openSync(path, 'r'));
    const length = 64 * PAGE_SIZE;
    const before = process.memoryUsage().external;
    using mapping = Mapping.anonymous(length);
    mapping.load(1, Uint8Array.of(1, 2, 3));
    mapping.load(length, new Uint8Array());
    expect(mapping.loadFile(length - 4, 4, file.number, 1)).toBe(4);
    expect(mapping.loadFile(8, 100, file.number, 4)).toBe(2);
    expect(mapping.loadFile(8, 100, file.number, 6)).toBe(0);
    expect(process.memoryUsage().external).toBeLessThan(before + length);
    expect([...mapping.bytes.subarray(0, 12)]).toEqual([0, 1, 2, 3, 0, 0, 0, 0, 0x65, 0x66, 0, 0]);
    expect(process.memoryUsage().external).toBeGreaterThanOrEqual(before + length);
    expect(new TextDecoder().decode(mapping.bytes.subarray(-4))).toBe('bcde');
    mapping.load(4, mapping.bytes.subarray(1, 8)); /* which lie over each other */
    expect([...mapping.bytes.subarray(4, 8)]).toEqual([1, 2, 3, 0]);
  });

  it('refuses to be loaded outside of itself, where it is read-only, or gone', () => {
    using directoryFd = new Fd(openSync(directory, 'r'));
    const mapping = Mapping.anonymous(PAGE_SIZE);
    expect(() => mapping.load(PAGE_SIZE - 1, new Uint8Array(2))).toThrow(RangeError);
    expect(() => mapping.loadFile(PAGE_SIZE + 1, 0, directoryFd.number, 0)).toThrow(RangeError);
    const read = () => mapping.loadFile(0, 8, directoryFd.number, 0);
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_SYSTEM', errno: 21 }));
    const readOnly = native.mmap(-1, PAGE_SIZE, 0, 1, false);
    const refused = expect.objectContaining({ code: 'EACCES' });
    expect(() => native.mappingLoad(readOnly, 0, new Uint8Array(1))).toThrow(refused);
    expect(() => native.mappingLoadFile(readOnly, 0, 1, directoryFd.number, 0)).toThrow(refused);
    mapping.unmap();
    expect(mapping.closed).toBe(true);
    expect(() => mapping.bytes).toThrow(UnmappedError);
    expect(() => mapping.load(0, new Uint8Array())).toThrow(UnmappedError);
    expect(read).toThrow(UnmappedError);
  });

  it('can be asked for huge pages whatever is behind it, which changes none of its bytes', () => {
    using memfd = Memfd.create({ name: 'test', size: 2 * PAGE_SIZE });
    using shared = Mapping.ofFile(memfd, { length: 2 * PAGE_SIZE });
    using anonymous = Mapping.anonymous(2 * PAGE_SIZE);
    const isThere = existsSync('/sys/kernel/mm/transparent_hugepage');
    for (const mapping of [shared, anonymous]) {
      mapping.bytes.fill(7);
      expect(mapping.preferHugePages() || !isThere).toBe(true);
      expect(mapping.bytes.every((byte) => byte === 7)).toBe(true);
    }
  });

  it('cannot be asked once it is unmapped', () => {
    const mapping = Mapping.anonymous(PAGE_SIZE);
    mapping.unmap();
    expect(() => mapping.preferHugePages()).toThrow(RangeError);
  });

  it('maps 4 GiB, and refuses more in one piece', () => {
    using mapping = Mapping.anonymous(MAX_MAPPING_LENGTH);
    mapping.bytes[MAX_MAPPING_LENGTH - 1] = 1;
    expect(mapping.bytes.length).toBe(MAX_MAPPING_LENGTH);
    expect(() => Mapping.anonymous(MAX_MAPPING_LENGTH + PAGE_SIZE)).toThrow(RangeError);
  });

  it('refuses to map past the end of a file, where an access would end the process', () => {
    using memfd = Memfd.create({ name: 'test', size: PAGE_SIZE });
    const einval = expect.objectContaining({ errnoName: 'EINVAL', syscall: 'mmap' });
    expect(() => Mapping.ofFile(memfd, { length: PAGE_SIZE + 1 })).toThrow(einval);
    expect(() => Mapping.ofFile(memfd, { offset: PAGE_SIZE, length: 1 })).toThrow(einval);
    expect(() => Mapping.ofFile(memfd, { offset: Number.MAX_SAFE_INTEGER, length: PAGE_SIZE })).toThrow(einval);
  });

  it('refuses an empty mapping and an unaligned offset', () => {
    using memfd = Memfd.create({ name: 'test', size: 2 * PAGE_SIZE });
    const einval = expect.objectContaining({ errnoName: 'EINVAL' });
    expect(() => Mapping.anonymous(0)).toThrow(einval);
    expect(() => Mapping.ofFile(memfd, { offset: 1, length: PAGE_SIZE })).toThrow(einval);
  });

  it('refuses ranges outside of it, however large the numbers', () => {
    using mapping = Mapping.anonymous(PAGE_SIZE);
    expect(() => mapping.discard(PAGE_SIZE, 1)).toThrow(RangeError);
    expect(() => mapping.discard(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toThrow(RangeError);
    expect(() => mapping.sync(0, PAGE_SIZE + 1)).toThrow(RangeError);
    expect(() => mapping.sync(1, 1)).toThrow(expect.objectContaining({ errnoName: 'EINVAL' }));
  });

  it('refuses advice that makes memory inaccessible', () => {
    using mapping = Mapping.anonymous(PAGE_SIZE);
    const MADV_HWPOISON = 100;
    const MADV_GUARD_INSTALL = 102;
    for (const advice of [MADV_HWPOISON, MADV_GUARD_INSTALL])
      expect(() => native.madvise(mapping.object, 0, PAGE_SIZE, advice)).toThrow(RangeError);
  });

  it('gives no ArrayBuffer over pages that JavaScript could not write', () => {
    const readable = native.mmap(-1, PAGE_SIZE, 0, 1, false);
    expect(() => native.mappingBuffer(readable)).toThrow(expect.objectContaining({ code: 'EACCES' }));
    native.munmap(readable);
  });
});

describe('unmapping', () => {
  it('detaches every view: later accesses fail cleanly', () => {
    const mapping = Mapping.anonymous(PAGE_SIZE);
    const { bytes, buffer } = mapping;
    const words = new Uint32Array(buffer);
    const view = new DataView(buffer);
    mapping.unmap();
    mapping.unmap();
    expect([buffer.byteLength, bytes.length, words.length]).toEqual([0, 0, 0]);
    expect(bytes[0]).toBeUndefined();
    words[0] = 1;
    expect(() => view.getUint8(0)).toThrow(TypeError);
    expect(() => Atomics.load(words, 0)).toThrow();
    expect(mapping.closed).toBe(true);
    expect(() => mapping.bytes).toThrow(UnmappedError);
    expect(() => mapping.buffer).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_UNMAPPED' }));
    expect(() => mapping.sync()).toThrow(RangeError);
  });

  it('refuses a detached view as the bytes of a system call', () => {
    const mapping = Mapping.anonymous(PAGE_SIZE);
    const { bytes } = mapping;
    mapping.unmap();
    using zero = new Fd(openSync('/dev/zero', 'r'));
    expect(zero.read(bytes)).toBe(0);
  });

  it('happens by itself once nothing refers to the memory', async () => {
    const name = `collected-${process.pid}`;
    const mapAndForget = () => {
      using memfd = Memfd.create({ name, size: PAGE_SIZE });
      Mapping.ofFile(memfd, { length: PAGE_SIZE }).bytes[0] = 1;
    };
    mapAndForget();
    expect(mappingCount(name)).toBe(1);
    await collectUntil(() => mappingCount(name) === 0);
  });

  it('waits for the last view, though the Mapping is collected', async () => {
    const name = `viewed-${process.pid}`;
    const sentinel = `sentinel-${process.pid}`;
    const viewOnly = () => {
      using memfd = Memfd.create({ name, size: PAGE_SIZE });
      return Mapping.ofFile(memfd, { length: PAGE_SIZE }).bytes;
    };
    const forget = () => {
      using memfd = Memfd.create({ name: sentinel, size: PAGE_SIZE });
      Mapping.ofFile(memfd, { length: PAGE_SIZE });
    };
    const bytes = viewOnly();
    forget();
    await collectUntil(() => mappingCount(sentinel) === 0);
    bytes[0] = 3;
    expect(mappingCount(name)).toBe(1);
    expect(bytes[0]).toBe(3);
  });

  it('never happens under bytes that structuredClone was asked to move', () => {
    using mapping = Mapping.anonymous(PAGE_SIZE);
    const { buffer } = mapping;
    let moved: ArrayBuffer | undefined;
    try {
      moved = structuredClone(buffer, { transfer: [buffer] });
    } catch {
      // Newer Node versions refuse to transfer it; older ones copy.
    }
    expect(buffer.byteLength).toBe(PAGE_SIZE);
    mapping.bytes[0] = 5;
    mapping.unmap();
    if (moved !== undefined) expect(new Uint8Array(moved)[0]).toBe(0);
  });

  it.skipIf(transfer === undefined)('cannot be confused by a transfer of the ArrayBuffer', () => {
    using mapping = Mapping.anonymous(PAGE_SIZE);
    const buffer = mapping.buffer as ArrayBuffer & { transfer(): ArrayBuffer; transferToFixedLength(): ArrayBuffer };
    expect(() => buffer.transfer()).toThrow(TypeError);
    expect(() => buffer.transferToFixedLength()).toThrow(TypeError);
    expect(mapping.closed).toBe(false);
  });

  it.skipIf(transfer === undefined)(
    'is refused where the ArrayBuffer has been transferred all the same, and the bytes stay',
    () => {
      const mapping = Mapping.anonymous(PAGE_SIZE);
      const moved = new Uint8Array(transfer!.call(mapping.buffer));
      expect(() => mapping.unmap()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_MAPPING_BUSY' }));
      moved[0] = 1;
      expect(moved[0]).toBe(1);
    },
  );
});

describe('mappings of a Worker', () => {
  it('are unmapped when it ends', async () => {
    const name = `worker-${process.pid}`;
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       import(${layer('native')}).then(({ Mapping, Memfd }) => {
         const memfd = Memfd.create({ name: '${name}', size: 4096 });
         globalThis.kept = [Mapping.ofFile(memfd, { length: 4096 }), Mapping.ofFile(memfd, { length: 4096 })];
         memfd.close();
         kept[1].bytes.fill(1);
         parentPort.postMessage('mapped');
         setInterval(() => {}, 1000);
       });`,
      { eval: true },
    );
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(mappingCount(name)).toBe(2);
    await worker.terminate();
    expect(mappingCount(name)).toBe(0);
  });
});

describe('a file that shrinks', () => {
  it('cannot be a memfd made here', () => {
    using memfd = Memfd.create({ name: 'test', size: PAGE_SIZE });
    using mapping = Mapping.ofFile(memfd, { length: PAGE_SIZE });
    expect(() => ftruncateSync(memfd.number, 0)).toThrow();
    expect(mapping.bytes[PAGE_SIZE - 1]).toBe(0);
  });

  it('is refused at once where it is too short already', () => {
    const path = join(directory, 'short');
    writeFileSync(path, 'x');
    const number = openSync(path, 'r+');
    expect(() => native.mmap(number, PAGE_SIZE, 0, 3, true)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    closeSync(number);
  });
});
