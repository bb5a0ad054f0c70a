/** `ioregion serve blk` as libblkio finds it: each kind of request, and its effect on the image. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { libblkio, qemuIo } from '../support/peers/libblkio.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { testWhere } from './where.js';

const MIB = 2 ** 20;
const DISK_MIB = 16;

async function serveDisk(test: Test, ...options: string[]) {
  const folder = testFolder(test);
  const image = createImage(join(folder, 'disk.img'), DISK_MIB);
  const socket = join(folder, 'blk.sock');
  const server = await Server.start(['blk', '--socket', socket, '--image', image, ...options]);
  test.teardown(() => server.process.kill());
  return { image, socket, server };
}

async function succeeds(test: Test, socket: string, name: string, commands: readonly string[]): Promise<void> {
  const { status, output } = await qemuIo(socket, commands);
  test.equal(status, 0, name);
  if (status !== 0) test.comment(output);
}

const REQUESTS: readonly (readonly [name: string, commands: readonly string[]])[] = [
  ['reads what it wrote', ['write -P 0xa5 0 64k', 'read -P 0xa5 0 64k', 'read -P 0xa5 512 1536']],
  ['scatters and gathers', ['writev -P 0x5a 1M 512 1536 4k 64k', 'readv -P 0x5a 1M 4k 64k 2k']],
  ['writes zeroes', ['write -P 0x77 2M 64k', 'write -z 2052k 8k', 'read -P 0 2052k 8k', 'read -P 0x77 2048k 4k']],
  ['discards', ['write -P 0x77 3M 64k', 'discard 3M 64k', 'flush', 'read -P 0 3M 64k']],
  [
    'has many requests under way',
    [
      ...Array.from({ length: 32 }, (_, i) => `aio_write -P ${i + 1} ${4096 + i * 64}k 64k`),
      'aio_flush',
      ...Array.from({ length: 32 }, (_, i) => `read -P ${i + 1} ${4096 + i * 64}k 64k`),
    ],
  ],
  ['reaches the last block', [`write -P 0x11 ${DISK_MIB * MIB - 512} 512`, `read -P 0x11 ${DISK_MIB * MIB - 512} 512`]],
];

testWhere([libblkio], 'libblkio', async (test) => {
  const { image, socket, server } = await serveDisk(test, '--queues', '2');
  for (const [name, commands] of REQUESTS) await succeeds(test, socket, name, commands);
  const bytes = readFileSync(image);
  test.ok(
    bytes.subarray(0, 65536).every((byte) => byte === 0xa5),
    'the image has what was written',
  );
  test.ok(
    bytes.subarray(3 * MIB, 3 * MIB + 65536).every((byte) => byte === 0),
    'and nothing where it was discarded',
  );
  test.equal((await qemuIo(socket, ['read -P 0xff 0 4k'])).status, 1, 'a pattern that is not there is noticed');
  truncateSync(image, 2 * DISK_MIB * MIB);
  server.process.kill('SIGHUP');
  await server.said('looked at again');
  await succeeds(test, socket, 'reads beyond the old end once the image has grown', [`read -P 0 ${DISK_MIB + 1}M 64k`]);
  test.equal(await server.end(), 0, 'the server ends with status 0');
});

testWhere([libblkio], 'libblkio, a disk that can only be read', async (test) => {
  const { image, socket, server } = await serveDisk(test, '--readonly');
  writeFileSync(image, Buffer.alloc(MIB, 0x42), { flag: 'r+' });
  const { status, output } = await qemuIo(socket, ['read -P 0x42 0 1M'], { readonly: true });
  test.equal(status, 0, `is read: ${output}`);
  const refused = await qemuIo(socket, ['write -P 0x43 0 4k']);
  test.match(refused.output, /read-only/i, 'and says of itself that it cannot be written');
  test.equal(await server.end(), 0, 'the server ends with status 0');
});
