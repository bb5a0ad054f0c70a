/** Disks of backends in other processes, ours and a foreign one, through virtio-pci registers. */
import t, { type Test } from 'tap';
import { Feature } from '../../src/virtio/spec/index.js';
import { program } from '../support/requirements.js';
import {
  BackendProcess,
  type CommandOf,
  serveBlk,
  serveBlkPacked,
  storageDaemon,
} from '../support/vhost-user/backend-process.js';
import { BlockLoad } from '../support/vhost-user/block-load.js';
import { PciDisk } from '../support/vhost-user/pci-disk.js';
import { testWhere } from './where.js';

const IMAGE_BYTES = 1 << 20;
/** 50 of them in a row are for `npm run soak`. */
const DEATHS = Number(process.env.IOREGION_DEATHS ?? 3);
const FEATURES = Feature.version1 | Feature.indirectDesc | Feature.eventIdx;

const PACKED = FEATURES | Feature.ringPacked;

interface Parts {
  readonly backend: BackendProcess;
  readonly disk: PciDisk;
  readonly load: BlockLoad;
}

async function setUp(test: Test, command: CommandOf, features = FEATURES): Promise<Parts> {
  const backend = new BackendProcess(command, IMAGE_BYTES);
  test.teardown(() => backend.close());
  await backend.start();
  const disk = await PciDisk.connectWhenListening(backend.socket, features, { retryMs: 10 });
  test.teardown(() => disk.close());
  const load = new BlockLoad(() => disk.driver.queue(0), IMAGE_BYTES, 1);
  return { backend, disk, load };
}

async function readsAndWrites(test: Test, command: CommandOf, features?: bigint): Promise<void> {
  const { disk, load } = await setUp(test, command, features);
  test.equal(disk.control.config.read(0, 4), IMAGE_BYTES / 512, 'the capacity is that of the image');
  for (const round of ['at first', 'after a reset']) {
    disk.driver.start();
    test.equal(disk.notifierState, 'offlimits', `${round} the kicks belong to the backend`);
    await load.run(400, 64);
    await load.flush();
    await load.verify();
    await disk.driver.reset();
    test.equal(disk.notifierState, 'deassigned', `${round} they come back with the reset`);
  }
  test.same(load.errors, [], 'every block is what was written');
  test.equal(disk.driver.transport.needsReset, false, 'the device needs no reset');
}

async function diesWithRequestsInFlight(test: Test, command: CommandOf): Promise<void> {
  const { backend, disk, load } = await setUp(test, command);
  disk.driver.start();
  await load.run(100, 16);
  backend.pause();
  void load.run(16, 16);
  await backend.kill();
  const { registers } = disk.driver.transport;
  await until(() => !disk.control.connected);
  test.equal(registers.status & 64, 64, 'without a record of them, the device needs a reset');
  await disk.driver.reset();
  await backend.start();
  await until(() => disk.control.connected);
  disk.driver.start();
  const again = new BlockLoad(() => disk.driver.queue(0), IMAGE_BYTES, 2);
  await again.flush();
  test.same(again.errors, [], 'after it, the device works with the next backend');
}

/** Nothing is in flight when the backend dies; what comes meanwhile is served by the next one. */
async function diesIdle(test: Test, command: CommandOf): Promise<void> {
  const { backend, disk, load } = await setUp(test, command);
  disk.driver.start();
  for (let death = 0; death < 3; death++) {
    await load.run(50, 16);
    await backend.kill();
    await until(() => !disk.control.connected);
    const meanwhile = load.run(50, 16);
    await backend.start();
    await meanwhile;
  }
  await load.verify();
  test.same(load.errors, [], 'every block is what was written');
  test.equal(load.completed, 300, 'no request is lost');
  test.equal(disk.driver.transport.needsReset, false, 'the device needs no reset');
  test.equal(disk.notifierState, 'offlimits', 'the kicks belong to the backend all the time');
}

/** Killed at random moments, with requests in flight; its successors finish them. */
async function diesUnderLoad(test: Test, command: CommandOf, features?: bigint): Promise<void> {
  const { backend, disk, load } = await setUp(test, command, features);
  disk.driver.start();
  for (let death = 1; death <= DEATHS; death++) {
    const running = load.run(200, 32);
    await until(() => load.completed >= 200 * (death - 1) + 13 * (1 + (death % 12)));
    await backend.kill();
    test.ok(disk.driver.queue(0).inFlight > 0, `death ${death}: requests are in flight`);
    await backend.start();
    await running;
  }
  await load.verify();
  test.same(load.errors, [], 'every block is what was written');
  test.equal(load.completed, 200 * DEATHS, 'no request is lost');
  test.equal(disk.driver.transport.needsReset, false, 'the device needs no reset');
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

testWhere([program('qemu-storage-daemon')], 'qemu-storage-daemon serves a disk', (test) =>
  readsAndWrites(test, storageDaemon),
);
testWhere([], 'ioregion serve blk serves a disk', (test) => readsAndWrites(test, serveBlk));
testWhere([], 'ioregion serve blk serves a disk, packed', (test) => readsAndWrites(test, serveBlkPacked, PACKED));
testWhere([program('qemu-storage-daemon')], 'qemu-storage-daemon dies with requests in flight', (test) =>
  diesWithRequestsInFlight(test, storageDaemon),
);
testWhere([program('qemu-storage-daemon')], 'qemu-storage-daemon dies while it has nothing to do', (test) =>
  diesIdle(test, storageDaemon),
);
testWhere([], 'ioregion serve blk dies while it has nothing to do', (test) => diesIdle(test, serveBlk));
testWhere([], 'ioregion serve blk is killed under load', (test) => diesUnderLoad(test, serveBlk));
testWhere([], 'ioregion serve blk is killed under load, packed', (test) => diesUnderLoad(test, serveBlkPacked, PACKED));
t.setTimeout(300_000 + DEATHS * 20_000);
