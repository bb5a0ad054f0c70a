/** The files that a machine boots from: read in parts from a disk, whole from a pipe. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuestMemory } from 'ioregion/memory';
import { afterAll, expect, test } from 'vitest';
import { BootBytes, type BootFile, partOf } from '#dist/src/vmm/boot/boot-file.js';
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

test('a file and a pipe give guest memory the same bytes, and refuse what lies outside of it', () => {
  using memory = GuestMemory.create(2 ** 16);
  const path = fileOf('kernel', BYTES);
  const load = (file: BootFile, gpa: number) => file.load(300, 5000, memory, gpa);
  withBootFile('kernel', path, (file) => {
    load(file, 0x1000);
    load(new BootBytes(BYTES), 0x8000);
    expect(() => load(file, 2 ** 16 - 1)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_GUEST_ADDRESS' }));
  });
  expect(memory.read(0x1000, 5001)).toEqual(Uint8Array.of(...BYTES.slice(300, 5300), 0));
  expect(memory.read(0x8000, 5000)).toEqual(BYTES.slice(300, 5300));
});

test('a pipe is read to its end', () => {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const writer = spawn('sh', ['-c', `cat '${fileOf('piped', BYTES)}' > '${path}'`], { stdio: 'ignore' });
  const read = withBootFile('kernel', path, (file) => partOf(file, 0, file.length));
  writer.kill();
  expect(read).toEqual(BYTES);
});

test.each([
  ['read', (file: BootFile) => partOf(file, 0, file.length)],
  ['loaded', (file: BootFile, memory: GuestMemory) => file.load(0, file.length, memory, 0)],
])('a file that becomes shorter while it is %s is an error with a code', async (_, use) => {
  const before = openFds();
  const path = fileOf('shrinking', BYTES);
  const memory = GuestMemory.create(2 ** 16);
  const read = () =>
    withBootFile('initrd', path, (file) => {
      truncateSync(path, 100);
      return use(file, memory);
    });
  expect(read).toThrow(
    expect.objectContaining({ code: 'ERR_IOREGION_VMM_FILE', message: expect.stringContaining('shorter') }),
  );
  memory.close();
  await expectOpenFds(before);
});

test.each([
  ['that is not there', join(directory, 'none'), 'does not exist'],
  ['that is a directory', directory, 'is a directory'],
])('a file %s is named with its role', (_, path, reason) => {
  const read = () => withBootFile('kernel', path, () => 0);
  expect(read).toThrow(`the kernel ${path} ${reason}`);
});
