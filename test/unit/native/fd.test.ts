import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { Fd, FdClosedError, pipe, SystemError, waitReadable } from 'ioregion/native';
import { describe, expect, it } from 'vitest';

const openNull = () => new Fd(openSync('/dev/null', 'r+'));

describe('Fd', () => {
  it('closes its descriptor once, however often it is asked', () => {
    const fd = openNull();
    const number = fd.number;
    fd.close();
    const reused = openSync('/dev/null', 'r');
    fd.close();
    fd[Symbol.dispose]();
    expect(reused).toBe(number);
    expect(() => fstatSync(reused)).not.toThrow();
    closeSync(reused);
  });

  it('throws a coded error when it is used after its close', () => {
    const fd = openNull();
    fd.close();
    expect(fd.closed).toBe(true);
    expect(() => fd.number).toThrow(FdClosedError);
    expect(() => fd.dup()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_FD_CLOSED' }));
    expect(() => fd.read(new Uint8Array(1))).toThrow(FdClosedError);
  });

  it('leaves the descriptor open when it is released', () => {
    const fd = openNull();
    const number = fd.release();
    fd.close();
    expect(() => fstatSync(number)).not.toThrow();
    closeSync(number);
  });

  it('names errno, system call and a way out when the kernel refuses', () => {
    expect(() => new Fd(2 ** 30).dup()).toThrow(
      expect.objectContaining({
        code: 'ERR_IOREGION_SYSTEM',
        errnoName: 'EBADF',
        errno: 9,
        syscall: 'fcntl(F_DUPFD_CLOEXEC)',
        hint: expect.stringContaining('single owner'),
      }),
    );
    expect(() => new Fd(2 ** 30).close()).toThrow(SystemError);
  });

  it('tells two descriptors of one file from those of two files', () => {
    using a = openNull();
    using b = a.dup();
    using zero = new Fd(openSync('/dev/zero', 'r'));
    expect(a.number).not.toBe(b.number);
    expect(a.isSameFile(b)).toBe(true);
    expect(a.isSameFile(zero)).toBe(false);
  });

  it('is close-on-exec until it is made inheritable', () => {
    using fd = openNull();
    using copy = fd.dup();
    const flags = () => execFlag(copy.number);
    expect(flags()).toBe(true);
    copy.setInheritable(true);
    expect(flags()).toBe(false);
    copy.setInheritable(false);
    expect(flags()).toBe(true);
  });
});

describe('pipe', () => {
  it('moves bytes from the write end to the read end, then reports the end', () => {
    const { readEnd, writeEnd } = pipe();
    expect(writeEnd.write(Uint8Array.of(1, 2, 3))).toBe(3);
    expect(readEnd.pendingBytes()).toBe(3);
    const bytes = new Uint8Array(8);
    expect(readEnd.read(bytes)).toBe(3);
    expect([...bytes.subarray(0, 3)]).toEqual([1, 2, 3]);
    writeEnd.close();
    expect(readEnd.read(bytes)).toBe(0);
    readEnd.close();
  });

  it('returns null instead of waiting when non-blocking', () => {
    const { readEnd, writeEnd } = pipe();
    readEnd.setNonblock(true);
    writeEnd.setNonblock(true);
    expect(readEnd.read(new Uint8Array(1))).toBeNull();
    while (writeEnd.write(new Uint8Array(65536)) !== null);
    expect(writeEnd.write(new Uint8Array(65536))).toBeNull();
    readEnd.close();
    writeEnd.close();
  });

  it('turns a write without a reader into EPIPE, not into the end of the process', () => {
    const { readEnd, writeEnd } = pipe();
    readEnd.close();
    expect(() => writeEnd.write(Uint8Array.of(1))).toThrow(expect.objectContaining({ errnoName: 'EPIPE' }));
    writeEnd.close();
  });

  it('is waited for with a limit', () => {
    const { readEnd, writeEnd } = pipe();
    expect(waitReadable(readEnd, 1)).toBe(false);
    writeEnd.write(Uint8Array.of(1));
    expect(waitReadable(readEnd, -1)).toBe(true);
    readEnd.close();
    writeEnd.close();
  });
});

/** Whether FD_CLOEXEC (02000000 in fdinfo) is set. */
function execFlag(number: number): boolean {
  const flags = /flags:\s*(\d+)/.exec(readInfo(number))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & 0o2000000) !== 0;
}

function readInfo(number: number): string {
  return readFileSync(`/proc/self/fdinfo/${number}`, 'utf8');
}
