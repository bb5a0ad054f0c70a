import { existsSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  connectUnix,
  Fd,
  native,
  peerCredentials,
  setSocketBuffers,
  shutdownSocket,
  socketpair,
} from 'ioregion/native';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();
let sequence = 0;
const newPath = () => join(directory, `s${sequence++}`);
const listen = (path: string, mode = 0o600) => new Fd(native.unixListen(path, mode, 4));
const inUse = expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind' });

function withUmask(umask: number, body: () => void): void {
  const before = process.umask(umask);
  try {
    body();
  } finally {
    process.umask(before);
  }
}

describe('socketpair', () => {
  it('keeps message boundaries as SEQPACKET and none as STREAM', () => {
    const bytes = new Uint8Array(8);
    const received = { seqpacket: 0, stream: 0 };
    for (const type of ['seqpacket', 'stream'] as const) {
      const [a, b] = socketpair(type);
      a.write(Uint8Array.of(1, 2));
      a.write(Uint8Array.of(3));
      received[type] = b.read(bytes) ?? 0;
      a.close();
      b.close();
    }
    expect(received).toEqual({ seqpacket: 2, stream: 3 });
  });

  it('refuses other types', () => {
    expect(() => native.socketpair('dgram' as 'stream')).toThrow(RangeError);
  });

  it('reports the end after a shutdown, and names this process as the peer', () => {
    const [a, b] = socketpair('stream');
    expect(peerCredentials(a)).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    shutdownSocket(a);
    expect(b.read(new Uint8Array(1))).toBe(0);
    a.close();
    b.close();
  });

  it('has the buffers it is given, and keeps those it is not', () => {
    const [a, b] = socketpair('stream');
    const before = setSocketBuffers(a, { send: 0, receive: 0 });
    const after = setSocketBuffers(a, { send: 65536, receive: 0 });
    expect(after.send).toBeGreaterThanOrEqual(65536);
    expect(after.receive).toBe(before.receive);
    a.close();
    b.close();
  });
});

describe('unixListen', () => {
  it.each([0o600, 0o660, 0o666])('gives the path mode %o whatever the umask', (mode) => {
    for (const umask of [0o000, 0o022, 0o077]) {
      const path = newPath();
      withUmask(umask, () => listen(path, mode).close());
      expect(statSync(path).mode & 0o777).toBe(mode);
    }
  });

  it('accepts connections, and says when nobody waits', () => {
    const path = newPath();
    using server = listen(path);
    expect(native.unixAccept(server.number)).toBeNull();
    using client = connectUnix(path);
    using connection = new Fd(native.unixAccept(server.number) ?? -1);
    client.write(Uint8Array.of(9));
    const bytes = new Uint8Array(4);
    expect(connection.read(bytes)).toBe(1);
    expect(bytes[0]).toBe(9);
  });

  it('replaces a socket that a dead server left behind', () => {
    const path = newPath();
    listen(path).close();
    expect(() => connectUnix(path)).toThrow();
    using server = listen(path);
    using client = connectUnix(path);
    using connection = new Fd(native.unixAccept(server.number) ?? -1);
    expect([client.closed, connection.closed]).toEqual([false, false]);
  });

  it('never replaces the socket of a server that lives, even with a full backlog', () => {
    const path = newPath();
    using server = new Fd(native.unixListen(path, 0o600, 0));
    const { ino } = lstatSync(path);
    using client = connectUnix(path);
    expect(() => listen(path)).toThrow(inUse);
    expect(() => listen(path)).toThrow(inUse);
    expect(lstatSync(path).ino).toBe(ino);
    expect(client.closed || server.closed).toBe(false);
  });

  it('never removes what is not a socket', () => {
    const file = newPath();
    writeFileSync(file, 'precious');
    const folder = newPath();
    mkdirSync(folder);
    const link = newPath();
    symlinkSync(file, link);
    for (const path of [file, folder, link]) {
      expect(() => listen(path)).toThrow(inUse);
      expect(existsSync(path)).toBe(true);
    }
  });

  it('fails where the directory is missing or the path does not fit', () => {
    expect(() => listen(join(directory, 'none', 'x'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => listen('/tmp/'.padEnd(108, 'x'))).toThrow(RangeError);
    expect(() => listen('')).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('connectUnix', () => {
  it('says that nobody listens, whether or not the path exists', () => {
    const path = newPath();
    const unreachable = expect.objectContaining({ code: 'ERR_IOREGION_SOCKET_UNREACHABLE' });
    expect(() => connectUnix(path)).toThrow(unreachable);
    listen(path).close();
    expect(() => connectUnix(path)).toThrow(unreachable);
  });
});
