import { openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fd, FileInUseError, fileEnd, lockFile } from 'ioregion/native';
import { describe, expect, it } from 'vitest';
import { layer, runScript } from '../../support/script.js';
import { temporaryDirectory } from '../../support/temporary.js';

const path = join(temporaryDirectory(), 'image');
writeFileSync(path, 'image');
const open = (flags: string) => new Fd(openSync(path, flags));

/** What becomes of the lock when another process asks for it. */
function lockElsewhere(exclusive: boolean): string {
  const source = `
    import { openSync } from 'node:fs';
    import { Fd, lockFile } from ${layer('native')};
    try {
      lockFile(new Fd(openSync(${JSON.stringify(path)}, 'r+')), 'image', ${exclusive});
      console.log('locked');
    } catch (error) {
      console.log(error.code);
    }`;
  return runScript(source).stdout.trim();
}

describe('lockFile', () => {
  it('lets readers share a file, and keeps writers out, of other processes too', () => {
    using reader = open('r');
    using second = open('r');
    using writer = open('r+');
    lockFile(reader, path, false);
    lockFile(second, path, false);
    expect(() => lockFile(writer, path, true)).toThrow(FileInUseError);
    expect(lockElsewhere(false)).toBe('locked');
    expect(lockElsewhere(true)).toBe('ERR_IOREGION_FILE_IN_USE');
  });

  it('keeps everybody out while one writes, and says which file and what to do', () => {
    using writer = open('r+');
    using reader = open('r');
    lockFile(writer, path, true);
    expect(() => lockFile(reader, path, false)).toThrow(`${path} is in use by a writer: stop that writer`);
    expect(lockElsewhere(false)).toBe('ERR_IOREGION_FILE_IN_USE');
  });

  it('ends when the last duplicate of the descriptor is closed', () => {
    using other = open('r+');
    const writer = open('r+');
    const copy = writer.dup();
    lockFile(writer, path, true);
    writer.close();
    expect(() => lockFile(other, path, true)).toThrow(FileInUseError);
    copy.close();
    lockFile(other, path, true);
  });
});

describe('fileEnd', () => {
  it('is the size of the file now', () => {
    using fd = open('r');
    expect(fileEnd(fd)).toBe(5);
    truncateSync(path, 2 ** 41);
    expect(fileEnd(fd)).toBe(2 ** 41);
  });

  it('fails for what has none', () => {
    using fd = new Fd(openSync('/proc/self/fd', 'r'));
    fd.close();
    expect(() => fileEnd(fd)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_FD_CLOSED' }));
  });
});
