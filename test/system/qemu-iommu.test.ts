/** A disk with split rings and an entropy source with packed ones, of `ioregion serve` in QEMU: an IOMMU translates their DMA. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { QemuGuest, qemuGuests, reconnectingDisk, vhostUserDevice } from '../support/peers/qemu.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { testWhere } from './where.js';

const DISK_MIB = 64;
const LIMIT_MS = 240_000;
const BEHIND_IOMMU = 'iommu_platform=on,ats=on';

t.setTimeout(2 * LIMIT_MS);

async function startServer(test: Test, ...args: readonly string[]): Promise<Server> {
  const server = await Server.start(args);
  test.teardown(() => server.process.kill());
  return server;
}

testWhere(qemuGuests, 'QEMU with an IOMMU', async (test) => {
  const folder = testFolder(test);
  const path = (name: string) => join(folder, name);
  const disk = (name: string) => ['blk', '--socket', path(name), '--image', createImage(path(`${name}.img`), DISK_MIB)];
  const servers = [
    await startServer(test, ...disk('translated'), '--queues', '2', '--iommu'),
    await startServer(test, 'rng', '--socket', path('rng'), '--packed', '--iommu'),
  ];
  const guest = new QemuGuest({
    parts: ['iommu', 'block', 'rng'],
    settings: { disk_mib: String(DISK_MIB), queues: '2', translated: 'virtio0,virtio1' },
    cpus: 2,
    iommu: true,
    limitMs: LIMIT_MS,
    args: [
      ...reconnectingDisk('translated', path('translated'), `num-queues=2,${BEHIND_IOMMU},disable-legacy=on`),
      ...vhostUserDevice('rng', path('rng'), `vhost-user-rng-pci,packed=on,${BEHIND_IOMMU}`),
    ],
  });
  test.teardown(() => guest.process.kill());
  await guest.console.asSubtest(test, 'the guest');
  for (const server of servers) test.equal(await server.end(), 0, 'a server ends with status 0');
});
