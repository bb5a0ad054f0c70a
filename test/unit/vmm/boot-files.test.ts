/** The files that a machine boots from: read in parts from a disk, whole from a pipe. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { partOf } from '#dist/src/vmm/boot/boot-file.js';
import { withBootFile } from '#dist/src/vmm/machine/boot-files.js';
import { expectOpenFds, openFds } from '../../support/open-fds.js';

const directory = mkdtempSync(join(tmpdir(), 'ioregion-boot-files-'));
afterAll(() => rmSync(directory, { recursive: true }));

const BYTES = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

test('a file gives each of its parts, and is closed afterwards', async () => {
  const before = openFds();
  const path = fileOf('kernel', BYTES);
  withBootFile('kernel', path, (file) => {
    expect(file.length).toBe(BYTES.length);
    expect(partOf(file, 300, 5000)).toEqual(BYTES.slice(300, 5300));
    expect(partOf(file, 9990, 100)).toEqual(BYTES.slice(9990));
    expect(partOf(file, 20_000, 100)).toEqual(new Uint8Array());
  });
  await expectOpenFds(before);
});

test('a pipe is read to its end', () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const writer = spawn('sh', ['-c', `cat '${fileOf('piped', BYTES)}' > '${path}'`], { stdio: 'ignore' });
  const read = withBootFile('kernel', path, (file) => partOf(file, 0, file.length));
  writer.kill();
  expect(read).toEqual(BYTES);
});

test('a file that becomes shorter while it is read is an error with a code', async () => {
  const before = openFds();
  const path = fileOf('shrinking', BYTES);
  const read = () =>
    withBootFile('initrd', path, (file) => {
      truncateSync(path, 100);
      return partOf(file, 0, file.length);
    });
  expect(read).toThrow(
    expect.objectContaining({ code: 'ERR_IOREGION_VMM_FILE', message: expect.stringContaining('shorter') }),
  );
  await expectOpenFds(before);
});

test.each([
  ['that is not there', join(directory, 'none'), 'does not exist'],
  ['that is a directory', directory, 'is a directory'],
])('a file %s is named with its role', (_, path, reason) => {
  const read = () => withBootFile('kernel', path, () => 0);
  expect(read).toThrow(`the kernel ${path} ${reason}`);
});
