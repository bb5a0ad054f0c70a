/** Requests under way. A read of an empty pipe stays in flight for as long as a test wants it to. */
import { openSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Fd, FileIo, Mapping, PAGE_SIZE, pipe } from 'ioregion/native';
import { expect, it, vi } from 'vitest';
import { collectUntil } from '../../support/garbage.js';
import { ioUring } from '../../support/io-uring.js';
import { expectOpenFds, mappingCount, openFds } from '../../support/open-fds.js';
import { describeWhere } from '../../support/require.js';
import { layer } from '../../support/script.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();
const open = (fd: Fd) => FileIo.open(fd, { slots: 2, segmentsPerSlot: 1, engine: 'uring' });

/** A read of 8 bytes into a page of memory, waiting for somebody to write to the pipe. */
function startRead() {
  const { readEnd, writeEnd } = pipe();
  const mapping = Mapping.anonymous(PAGE_SIZE);
  const io = open(readEnd);
  const index = io.attach(mapping);
  io.read(0, 0);
  io.addSegment(0, index, 16, 8);
  expect(io.submit()).toBe(0);
  expect(io.inFlight).toBe(1);
  const close = () => {
    for (const resource of [io, mapping, readEnd, writeEnd]) resource[Symbol.dispose]();
  };
  return { io, index, mapping, writeEnd, [Symbol.dispose]: close };
}

/** At most one at a time. */
function nextReadable(io: FileIo): Promise<void> {
  return new Promise((resolve) => {
    onReadable = resolve;
    io.watch(() => onReadable());
  });
}
let onReadable = () => {};

describeWhere([ioUring], 'a request in flight', () => {
  it('completes later: the watch tells, and the next submit collects', async () => {
    using read = startRead();
    const readable = nextReadable(read.io);
    read.writeEnd.write(Uint8Array.of(1, 2, 3));
    await readable;
    expect(read.io.submit()).toBe(1);
    expect([read.io.completed(0), read.io.result(0)]).toEqual([0, 3]);
    expect([...read.mapping.bytes.slice(15, 20)]).toEqual([0, 1, 2, 3, 0]);
    expect(read.io.inFlight).toBe(0);
  });

  it('is told by the watch too where a kernel thread does the work', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, new Uint8Array(PAGE_SIZE));
    using fd = new Fd(openSync(path, 'r+'));
    using io = open(fd);
    for (let round = 0; round < 100; round++) {
      io.sync(0);
      if (io.submit() === 1) continue;
      await nextReadable(io);
      expect(io.submit()).toBe(1);
    }
  });

  it('keeps every attached mapping from being unmapped or detached until it completes', async () => {
    using read = startRead();
    using other = Mapping.anonymous(PAGE_SIZE);
    const later = read.io.attach(other);
    for (const mapping of [read.mapping, other])
      expect(() => mapping.unmap()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_MAPPING_BUSY' }));
    expect(() => read.io.detach(later)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_FILE_IO_BUSY' }));
    read.writeEnd.write(Uint8Array.of(9));
    await vi.waitFor(() => expect(read.io.submit()).toBe(1));
    read.io.detach(later);
    read.mapping.unmap();
    other.unmap();
  });

  it('keeps its slot busy', () => {
    using read = startRead();
    read.io.sync(0);
    expect(() => read.io.submit()).toThrow(RangeError);
    read.writeEnd.write(Uint8Array.of(9));
  });

  it('lets requests in other slots pass', async () => {
    using read = startRead();
    read.io.sync(1);
    await vi.waitFor(() => expect(read.io.submit()).toBe(1));
    // A pipe has nothing to sync: what counts is whose answer came.
    expect([read.io.completed(0), read.io.result(1)]).toEqual([1, -constants.errno.EINVAL]);
    expect(read.io.inFlight).toBe(1);
  });

  it('is given up by close, after which the memory can be unmapped and its addresses used again', () => {
    const reserved = mappingCount(' ---p ');
    using read = startRead();
    read.io.close();
    read.mapping.unmap();
    expect(read.io.inFlight).toBe(0);
    expect(mappingCount(' ---p ')).toBe(reserved);
  });

  it('is given up when nothing refers to it any more', async () => {
    const before = openFds();
    let kept: Disposable[] = [];
    (() => {
      const { mapping, writeEnd } = startRead();
      kept = [mapping, writeEnd];
    })();
    await collectUntil(() => openFds().length === before.length + 1 + 1);
    for (const resource of kept) resource[Symbol.dispose]();
  });

  it('ends with its Worker, watched or not', async () => {
    const before = openFds();
    const source = `
      import { FileIo, Mapping, pipe } from ${layer('native')};
      import { parentPort } from 'node:worker_threads';
      const { readEnd, writeEnd } = pipe();
      const mapping = Mapping.anonymous(4096);
      for (const watched of [false, true]) {
        const io = FileIo.open(readEnd, { slots: 1, segmentsPerSlot: 1, engine: 'uring' });
        io.read(0, 0);
        io.addSegment(0, io.attach(mapping), 0, 8);
        if (watched) io.watch(() => {});
        parentPort.postMessage(io.submit());
        globalThis[watched] = io;
      }
      setInterval(() => {}, 1000);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const messages: unknown[] = [];
    worker.on('message', (message) => messages.push(message));
    await vi.waitFor(() => expect(messages).toEqual([0, 0]), { timeout: 20_000 });
    await worker.terminate();
    // Compared with what was there: the event loops of Node 22 and later have an io_uring of their own.
    for (const fd of openFds().filter((line) => !before.includes(line))) expect(fd).toContain('pipe');
  });
});

it('closing what is not in flight leaves no descriptor', async () => {
  const before = openFds();
  for (let round = 0; round < 20; round++) {
    const { readEnd, writeEnd } = pipe();
    for (const engine of ['auto', 'sync'] as const)
      FileIo.open(readEnd, { slots: 1, segmentsPerSlot: 1, engine }).close();
    readEnd.close();
    writeEnd.close();
  }
  await expectOpenFds(before);
});
