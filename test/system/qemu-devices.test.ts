/** Block and entropy devices of `ioregion serve` in QEMU, with split and packed rings. */
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { QemuGuest, qemuGuests, reconnectingDisk, vhostUserDevice } from '../support/peers/qemu.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { testWhere } from './where.js';

const DISK_MIB = 64;
/** Of a guest on a machine that does much else at the same time. */
const LIMIT_MS = 240_000;

t.setTimeout(2 * LIMIT_MS);

async function startServer(test: Test, args: readonly string[]): Promise<Server> {
  const server = await Server.start(args);
  test.teardown(() => server.process.kill());
  return server;
}

async function resize(guest: QemuGuest, server: Server, image: string): Promise<void> {
  await guest.console.said('resize');
  truncateSync(image, 2 * DISK_MIB * 2 ** 20);
  server.process.kill('SIGHUP');
}

testWhere(qemuGuests, 'QEMU, split and packed rings', async (test) => {
  const folder = testFolder(test);
  const image = createImage(join(folder, 'disk.img'), DISK_MIB);
  const [disk, packedDisk, rng] = ['blk', 'packed', 'rng'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const server = await startServer(test, ['blk', '--socket', disk, '--image', image, '--queues', '2']);
  const packedImage = createImage(join(folder, 'packed.img'), DISK_MIB);
  const packed = ['blk', '--socket', packedDisk, '--image', packedImage, '--queues', '2', '--packed'];
  const packedServer = await startServer(test, packed);
  const entropy = await startServer(test, ['rng', '--socket', rng]);
  const guest = new QemuGuest({
    parts: ['block', 'rng', 'resize'],
    settings: { disk_mib: String(DISK_MIB), queues: '2', disks: 'vda,vdb' },
    cpus: 2,
    limitMs: LIMIT_MS,
    args: [
      ...reconnectingDisk('disk', disk, 'num-queues=2'),
      ...reconnectingDisk('packed', packedDisk, 'num-queues=2,packed=on'),
      ...vhostUserDevice('rng', rng, 'vhost-user-rng-pci'),
    ],
  });
  test.teardown(() => guest.process.kill());
  const resized = resize(guest, server, image);
  await guest.console.asSubtest(test, 'the guest');
  await resized;
  test.equal(await server.end(), 0, 'the disk server ends with status 0');
  test.equal(await packedServer.end(), 0, 'the server of the disk with packed rings ends with status 0');
  test.equal(await entropy.end(), 0, 'the entropy server ends with status 0');
});
