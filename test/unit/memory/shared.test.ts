import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { GuestMemory, type SharedMemory, type SharedRegion } from 'ioregion/memory';
import { Fd, Memfd, sendFds, UnixListener } from 'ioregion/native';
import { describe, expect, it } from 'vitest';
import { expectOpenFds, openFds } from '../../support/open-fds.js';
import { layer } from '../../support/script.js';
import { temporaryDirectory } from '../../support/temporary.js';

const PAGE = 4096;
const refused = expect.objectContaining({ code: 'ERR_IOREGION_SHARED_MEMORY' });
const layout = [
  { gpa: 0, size: 2 * PAGE },
  { gpa: 2 ** 32, size: 2 * PAGE },
  { gpa: 2 ** 33, size: PAGE, readonly: true },
];

describe('shared guest memory', () => {
  it('is the same memory at the same addresses', () => {
    using memory = GuestMemory.fromLayout(layout);
    using copy = GuestMemory.fromShared(memory.share());
    memory.writeU32(2 ** 32 + PAGE, 0x1234);
    expect(copy.readU32(2 ** 32 + PAGE)).toBe(0x1234);
    copy.writeU8(0, 9);
    expect(memory.readU8(0)).toBe(9);
    expect(copy.regions.map(({ gpa, size, readonly }) => ({ gpa, size, readonly }))).toEqual(
      memory.regions.map(({ gpa, size, readonly }) => ({ gpa, size, readonly })),
    );
  });

  it('shows read-only regions, and nothing written to them elsewhere comes back', () => {
    using memory = GuestMemory.fromLayout(layout);
    memory.load(2 ** 33, Uint8Array.of(1, 2, 3));
    using copy = GuestMemory.fromShared(memory.share());
    expect(copy.read(2 ** 33, 3)).toEqual(Uint8Array.of(1, 2, 3));
    expect(() => copy.writeU8(2 ** 33, 0)).toThrow(expect.objectContaining({ reason: 'readonly' }));
    copy.load(2 ** 33, Uint8Array.of(9));
    expect(memory.readU8(2 ** 33)).toBe(1);
  });

  it('outlives the memory it came from', () => {
    const memory = GuestMemory.fromLayout(layout);
    memory.writeU8(0, 5);
    using copy = GuestMemory.fromShared(memory.share());
    memory.close();
    expect(copy.readU8(0)).toBe(5);
    using second = GuestMemory.fromShared(copy.share());
    expect(second.readU8(0)).toBe(5);
  });

  it('reaches a Worker as a plain message', async () => {
    using memory = GuestMemory.fromLayout(layout);
    memory.writeU32(2 ** 32, 41);
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       import(${layer('memory')}).then(({ GuestMemory }) => {
         const memory = GuestMemory.fromShared(workerData);
         memory.writeU32(2 ** 32, memory.readU32(2 ** 32) + 1);
         memory.close();
         parentPort.postMessage('done');
       });`,
      { eval: true, workerData: memory.share() },
    );
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    expect(memory.readU32(2 ** 32)).toBe(42);
  });

  it('reaches another process with its descriptors beside it', async () => {
    using memory = GuestMemory.fromLayout(layout);
    memory.writeU32(PAGE, 0xbeef);
    const path = join(temporaryDirectory(), 'table');
    const { fds, regions } = memory.share();
    using _server = UnixListener.listen(path, {
      onConnection: (connection) => {
        const [fd] = fds.map((number) => new Fd(number).dup()) as [Fd];
        sendFds(connection, new TextEncoder().encode(JSON.stringify(regions)), [fd]);
        fd.close();
        connection.close();
      },
      onError: (error) => {
        throw error;
      },
    });
    const child = spawn(process.execPath, ['--input-type=module', '-e', RECEIVER(path)], { stdio: 'inherit' });
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
    expect(memory.readU32(PAGE)).toBe(0xbef0);
  });

  it('is not made of anonymous memory', () => {
    using memory = GuestMemory.create(PAGE, { backing: 'anonymous' });
    expect(() => memory.share()).toThrow(refused);
  });
});

const RECEIVER = (path: string) => `
  import { connectUnix, receiveFds } from ${layer('native')};
  import { GuestMemory } from ${layer('memory')};
  const socket = connectUnix(${JSON.stringify(path)});
  const data = new Uint8Array(65536);
  const { bytes, fds } = receiveFds(socket, data, 4);
  const regions = JSON.parse(new TextDecoder().decode(data.subarray(0, bytes)));
  const memory = GuestMemory.fromShared({ fds: fds.map((fd) => fd.number), regions });
  for (const fd of fds) fd.close();
  memory.writeU32(4096, memory.readU32(4096) + 1);
  memory.close();
`;

describe('a table from elsewhere', () => {
  const region = (changes: Partial<Record<keyof SharedRegion, unknown>> = {}) =>
    ({ gpa: 0, size: PAGE, readonly: false, file: 0, offset: 0, ...changes }) as SharedRegion;

  it('is refused where the file could shrink under the mapping', () => {
    const path = join(temporaryDirectory(), 'file');
    const number = openSync(path, 'w+');
    ftruncateSync(number, PAGE);
    expect(() => GuestMemory.fromShared({ fds: [number], regions: [region()] })).toThrow(refused);
    closeSync(number);
  });

  it.each([
    ['runs past the end of its file', region({ size: 4 * PAGE })],
    ['begins at its end', region({ offset: 2 * PAGE })],
    ['wraps', region({ offset: Number.MAX_SAFE_INTEGER - 4095 })],
    ['has an offset off the page grid', region({ offset: 8 })],
    ['has a negative offset', region({ offset: -PAGE })],
    ['has no offset', region({ offset: undefined })],
    ['names a file that did not come', region({ file: 1 })],
    ['names no file', region({ file: '__proto__' })],
    ['is null', null as unknown as SharedRegion],
  ])('is refused where a region %s', (_, bad) => {
    using memfd = Memfd.create({ name: 'test', size: 2 * PAGE });
    const before = openFds();
    expect(() => GuestMemory.fromShared({ fds: [memfd.number], regions: [bad] })).toThrow(refused);
    expect(openFds()).toEqual(before);
  });

  it('is refused where it is no table at all', () => {
    expect(() => GuestMemory.fromShared({ fds: [], regions: {} } as unknown as SharedMemory)).toThrow(refused);
    expect(() => GuestMemory.fromShared({ fds: 3, regions: [] } as unknown as SharedMemory)).toThrow(refused);
    expect(() => GuestMemory.fromShared({ fds: new Array(254).fill(0), regions: [region()] })).toThrow(refused);
  });

  it('is refused where a number is something else, even what cannot be printed', () => {
    for (const wrong of [{ toString: null }, Object.create(null), Symbol('s'), '4096', 4096n, undefined])
      for (const key of ['gpa', 'size', 'file', 'offset'])
        expect(() => GuestMemory.fromShared({ fds: [], regions: [{ ...region(), [key]: wrong }] })).toThrow(refused);
  });

  it('never crashes and never leaks, whatever is in it', async () => {
    using memfd = Memfd.create({ name: 'test', size: 4 * PAGE });
    const before = openFds();
    const value = fc.oneof(fc.constantFrom(0, 1, PAGE, 2 * PAGE, -1, 2 ** 52, 2 ** 53), fc.anything());
    const anyRegion = fc.record({ gpa: value, size: value, readonly: value, file: value, offset: value });
    const anyFd = fc.constantFrom<unknown>(memfd.number, 2 ** 30, 'x', null);
    fc.assert(
      fc.property(fc.array(anyFd, { maxLength: 3 }), fc.array(anyRegion, { maxLength: 3 }), (fds, regions) => {
        try {
          GuestMemory.fromShared({ fds, regions } as SharedMemory).close();
        } catch (error) {
          expect((error as NodeJS.ErrnoException).code).toMatch(/^ERR_/);
        }
      }),
      { numRuns: 2000 },
    );
    await expectOpenFds(before);
  });
});
