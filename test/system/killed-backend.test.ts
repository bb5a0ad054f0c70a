/** Backends killed at random moments under a writer that verifies: no I/O error in the guest, no lost or torn block. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { guestProgram } from '../support/peers/guest-program.js';
import { QemuGuest, qemuGuests, reconnectingDisk } from '../support/peers/qemu.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { program } from '../support/requirements.js';
import { testWhere } from './where.js';

/** Of each backend. None: `npm run soak kills` says how many. */
const KILLS = Number(process.env.IOREGION_KILLS ?? 0);
/** From the moment that QEMU is back to the next kill, ms. */
const MOST_MS_TO_KILL = 500;
const DISK_MIB = 32;
/** QEMU looks for a backend that has gone once a second. */
const LIMIT_MS = 120_000 + KILLS * 10_000;

t.setTimeout(2 * LIMIT_MS);

async function serveDisk(test: Test, folder: string, name: string, ...options: readonly string[]): Promise<Server> {
  const image = createImage(join(folder, `${name}.img`), DISK_MIB);
  const common = ['--socket', join(folder, name), '--image', image, '--queues', '2'];
  const server = await Server.start(['blk', ...common, ...options]);
  test.teardown(() => server.process.kill());
  return server;
}

async function killAgainAndAgain(guest: QemuGuest, server: Server): Promise<void> {
  await guest.console.said('writing');
  for (let kill = 0; kill < KILLS; kill++) {
    await server.connected();
    await delay(Math.random() * MOST_MS_TO_KILL);
    await server.crash();
  }
  await server.connected();
  await delay(MOST_MS_TO_KILL);
}

async function kill(test: Test): Promise<void> {
  const folder = testFolder(test);
  const split = await serveDisk(test, folder, 'split');
  const packed = await serveDisk(test, folder, 'packed', '--packed');
  const guest = new QemuGuest({
    parts: ['writer'],
    programs: { 'bin/verify-writer': guestProgram('verify-writer') },
    cpus: 2,
    limitMs: LIMIT_MS,
    args: [
      ...reconnectingDisk('split', join(folder, 'split'), 'num-queues=2'),
      ...reconnectingDisk('packed', join(folder, 'packed'), 'num-queues=2,packed=on'),
    ],
  });
  test.teardown(() => guest.process.kill());
  const killed = Promise.all([split, packed].map((server) => killAgainAndAgain(guest, server)));
  const told = killed.then(() => guest.console.tell(`backends killed ${KILLS} times`));
  await guest.console.asSubtest(test, 'the guest');
  await told;
  for (const server of [split, packed]) {
    test.equal(await server.end(), 0, 'a server ends with status 0');
    if (!test.passing()) test.comment(server.process.output);
  }
}

if (KILLS > 0) testWhere([...qemuGuests, program('cc')], `disk servers killed ${KILLS} times each under QEMU`, kill);
else t.pass('left to npm run soak kills');
