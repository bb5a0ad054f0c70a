/** Files for one test: sockets and images in a folder that vanishes with it. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

const MIB = 2 ** 20;

export function testFolder(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'ioregion-system-'));
  test.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An empty image without blocks. */
export function createImage(path: string, mib: number): string {
  const fd = openSync(path, 'wx');
  ftruncateSync(fd, mib * MIB);
  closeSync(fd);
  return path;
}
