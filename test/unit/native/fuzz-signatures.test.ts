/** Calls of the right shape with arbitrary values, on descriptors of every kind: deeper than arbitrary arguments reach. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { native, PAGE_SIZE } from 'ioregion/native';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.js';

type Kind = 'fd' | 'size' | 'small' | 'bool' | 'bytes' | 'path' | 'type' | 'mapping' | 'fds' | 'function' | 'u64';

const RUNS = 1500;

const signatures: Record<string, Kind[]> = {
  dup: ['fd'],
  setNonblock: ['fd', 'bool'],
  setCloexec: ['fd', 'bool'],
  eventfd: ['size', 'bool', 'bool'],
  eventfdWrite: ['fd', 'u64'],
  eventfdRead: ['fd'],
  eventfdWait: ['fd', 'small'],
  breathe: ['bool'],
  memfd: ['path', 'size', 'bool'],
  seals: ['fd'],
  timerfdSet: ['fd', 'size', 'size'],
  fileIdentity: ['fd'],
  pendingBytes: ['fd'],
  read: ['fd', 'bytes'],
  write: ['fd', 'bytes'],
  watchFd: ['fd', 'function'],
  mmap: ['fd', 'size', 'size', 'small', 'bool'],
  mappingBuffer: ['mapping'],
  unpinMapping: ['mapping'],
  msync: ['mapping', 'size', 'size'],
  guardMapping: ['mapping', 'fd'],
  mappingLoad: ['mapping', 'size', 'bytes'],
  mappingLoadFile: ['mapping', 'size', 'size', 'fd', 'size'],
  madvise: ['mapping', 'size', 'size', 'small'],
  setMemoryRegion: ['fd', 'small', 'small', 'u64', 'size', 'mapping', 'size'],
  dirtyLog: ['fd', 'small', 'size', 'bytes'],
  ioctlInt: ['fd', 'size', 'size'],
  ioctlData: ['fd', 'size', 'bytes'],
  socketpair: ['type'],
  setBuffers: ['fd', 'size', 'size'],
  unixListen: ['path', 'size', 'small'],
  unixAccept: ['fd'],
  unixConnect: ['path'],
  peerCredentials: ['fd'],
  shutdown: ['fd'],
  sendFds: ['fd', 'bytes', 'fds'],
  recvFds: ['fd', 'bytes', 'small'],
  ioVectorCreate: ['small'],
  tapDescribe: ['fd'],
  tapSetOffload: ['fd', 'small'],
  tapSetHeaderSize: ['fd', 'small'],
  tapEnableQueue: ['fd', 'bool'],
  terminalSetRaw: ['fd'],
  terminalRestore: ['fd', 'bytes'],
  terminalSize: ['fd'],
  terminalSetSize: ['fd', 'small', 'small'],
  fileIoOpen: ['fd', 'small', 'small', 'bool'],
  canTryRead: ['fd'],
  lockFile: ['fd', 'bool'],
  fileEnd: ['fd'],
};

const sizes = fc.oneof(
  fc.nat({ max: 70_000 }),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, PAGE_SIZE, 2 * PAGE_SIZE, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
  fc.constantFrom(0xae00, 0xae03, 0xae41, 0xc008ae05, 0x4040ae49, 0x4068aea3, 0x4020ae46, 0x4010ae42, 0xae80),
);

function arbitraryOf(kind: Kind, fds: readonly number[], mappings: readonly unknown[], directory: string) {
  const fd = fc.constantFrom(...fds, -1, 2 ** 30);
  return {
    fd,
    size: sizes,
    small: fc.oneof(fc.nat({ max: 260 }), fc.integer()),
    bool: fc.boolean(),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 128 }),
      fc.nat({ max: 9000 }).map((length) => new Uint8Array(length)),
    ),
    path: fc.string({ maxLength: 6 }).map((name) => join(directory, name.replaceAll('/', '_'))),
    type: fc.constantFrom('stream', 'seqpacket', 'raw', ''),
    mapping: fc.constantFrom(...mappings),
    fds: fc.array(fd, { maxLength: 260 }),
    function: fc.constant(() => {}),
    u64: fc.oneof(sizes, fc.bigInt({ min: 0n, max: 2n ** 64n })),
  }[kind];
}

/** Descriptors and objects that a call handed out. */
function giveBack(name: string, result: unknown): void {
  if (name === 'watchFd') native.unwatchFd(result as Parameters<typeof native.unwatchFd>[0]);
  if (name === 'recvFds') for (const number of (result as { fds: number[] } | null)?.fds ?? []) closeSync(number);
  if (['dup', 'eventfd', 'memfd', 'unixListen', 'unixConnect'].includes(name)) closeSync(result as number);
  if (name === 'fileIoOpen') native.fileIoClose(result as Parameters<typeof native.fileIoClose>[0]);
  if (name === 'unixAccept' && result !== null) closeSync(result as number);
  if (name === 'socketpair') for (const number of result as number[]) closeSync(number);
}

describe('functions of the addon that are called with the right types', () => {
  const directory = temporaryDirectory();
  let fds: number[];
  let mappings: unknown[];

  beforeAll(() => {
    fds = [
      native.eventfd(1, true, false),
      native.memfd('fuzz', 4 * PAGE_SIZE, false),
      native.timerfd(),
      ...native.pipe(),
      ...native.socketpair('stream'),
      ...native.socketpair('seqpacket'),
      openSync('/dev/null', 'r+'),
      openSync(directory, 'r'),
      native.unixListen(join(directory, 'listener'), 0o600, 2),
      native.ptyOpen().fd,
    ];
    mappings = [
      native.mmap(-1, 4 * PAGE_SIZE, 0, 3, false),
      native.mmap(fds[1]!, 4 * PAGE_SIZE, 0, 3, true),
      native.mmap(-1, PAGE_SIZE, 0, 1, false),
    ];
  });
  afterAll(() => {
    for (const fd of fds) closeSync(fd);
  });

  it.each(Object.keys(signatures))('%s returns or throws a coded error', (name) => {
    const call = (native as unknown as Record<string, (...values: unknown[]) => unknown>)[name]!;
    const kinds = signatures[name]!.map((kind) => arbitraryOf(kind, fds, mappings, directory));
    const attempt = (values: unknown[]) => {
      for (const fd of fds) native.setNonblock(fd, true);
      try {
        giveBack(name, call(...values));
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code, `${name}: ${error}`).toMatch(/^(ERR_OUT_OF_RANGE|E[A-Z0-9]+)$/);
      }
    };
    fc.assert(fc.property(fc.tuple(...kinds), attempt), { numRuns: RUNS });
  });
});
