/** Nothing is left behind by set-ups, whether they succeed or fail half-way. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestMemory } from 'ioregion/memory';
import {
  connectUnix,
  EventFd,
  Fd,
  FdWatch,
  FileIo,
  Mapping,
  Memfd,
  native,
  PAGE_SIZE,
  pipe,
  receiveFds,
  sendFds,
  socketpair,
  TimerFd,
  UnixListener,
} from 'ioregion/native';
import { expect, it } from 'vitest';
import { collectUntil } from '../../support/garbage.js';
import { expectOpenFds, mappingCount, openFds, threadCount } from '../../support/open-fds.js';
import { temporaryDirectory } from '../../support/temporary.js';

const ROUNDS = 1000;
const directory = temporaryDirectory();
const taken = join(directory, 'taken');
writeFileSync(taken, 'not a socket');
const handlers = {
  onConnection: (connection: Fd) => connection.close(),
  onError: (error: unknown) => {
    throw error;
  },
};

function failingSetUps(): (() => unknown)[] {
  const memfd = openSync(taken, 'r+');
  const unsealed = { fds: [memfd], regions: [{ gpa: 0, size: PAGE_SIZE, readonly: false, file: 0, offset: 0 }] };
  const closeAfter = (body: () => unknown) => () => {
    try {
      body();
    } finally {
      closeSync(memfd);
    }
  };
  return [
    () => UnixListener.listen(taken, handlers),
    () => UnixListener.listen(join(directory, 'missing', 'x'), handlers),
    () => connectUnix(taken),
    () => connectUnix(join(directory, 'nobody')),
    () => native.memfd('x'.repeat(300), 4096, true),
    () => Mapping.anonymous(0),
    () => new FdWatch(new Fd(memfd), () => {}),
    () =>
      GuestMemory.fromLayout([
        { gpa: 0, size: PAGE_SIZE },
        { gpa: 0, size: PAGE_SIZE },
      ]),
    () => withMemory((memory) => GuestMemory.fromShared(tooLong(memory))),
    closeAfter(() => GuestMemory.fromShared(unsealed)),
  ];
}

function withMemory(body: (memory: GuestMemory) => void): void {
  using memory = GuestMemory.create(4 * PAGE_SIZE);
  body(memory);
}

/** The first region is right, the second runs past the end of the file. */
function tooLong(memory: GuestMemory) {
  const { fds, regions } = memory.share();
  return { fds, regions: [...regions, { ...regions[0]!, gpa: 2 ** 32, offset: PAGE_SIZE }] };
}

function succeedingSetUp(): void {
  using _eventfd = EventFd.create();
  using _timer = TimerFd.create();
  using memory = GuestMemory.create(4 * PAGE_SIZE);
  using copy = GuestMemory.fromShared(memory.share());
  copy.writeU32(0, 1);
  const { readEnd, writeEnd } = pipe();
  passAround(readEnd);
  new FdWatch(readEnd, () => {}).close();
  FileIo.open(readEnd, { slots: 2, segmentsPerSlot: 2, engine: 'sync' }).close();
  readEnd.close();
  writeEnd.close();
}

function passAround(fd: Fd): void {
  const [a, b] = socketpair('seqpacket');
  sendFds(a, Uint8Array.of(1), [fd, fd, fd]);
  const message = receiveFds(b, new Uint8Array(8), 2);
  for (const received of message?.fds ?? []) received.close();
  sendFds(a, Uint8Array.of(1), [fd]);
  a.close();
  b.close();
}

function connectAndClose(): void {
  using server = UnixListener.listen(join(directory, 'server'), handlers);
  using _client = connectUnix(server.path);
}

it(`opens nothing for good in ${ROUNDS} set-ups that succeed and ${ROUNDS} that fail`, async () => {
  const before = openFds();
  const threads = threadCount();
  for (let round = 0; round < ROUNDS; round++) {
    const setUps = failingSetUps();
    const last = setUps.length - 1;
    expect(setUps[round % last]!).toThrow();
    expect(setUps[last]!).toThrow();
    succeedingSetUp();
    connectAndClose();
    // Watches are closed at the end of a turn of the event loop.
    if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await expectOpenFds(before);
  expect(threadCount()).toBe(threads);
  await collectUntil(() => mappingCount('memfd:ioregion-guest-memory') === 0);
});

it('counts a descriptor that does leak', () => {
  const before = openFds();
  const leaked = EventFd.create();
  expect(openFds()).toHaveLength(before.length + 1);
  leaked.close();
  expect(openFds()).toEqual(before);
});

it('keeps no memory of a file that could not be mapped whole', async () => {
  using memfd = Memfd.create({ name: `partial-${process.pid}`, size: PAGE_SIZE });
  const table = {
    fds: [memfd.number],
    regions: [0, 2 ** 30].map((gpa, index) => ({
      gpa,
      size: PAGE_SIZE,
      readonly: false,
      file: 0,
      offset: index * PAGE_SIZE,
    })),
  };
  expect(() => GuestMemory.fromShared(table)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_SHARED_MEMORY' }));
  expect(mappingCount(`partial-${process.pid}`)).toBe(0);
});
