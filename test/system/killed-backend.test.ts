/** Backends killed at random moments under a writer that verifies: no I/O error in the guest, no lost or torn block. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { guestProgram } from '../support/peers/guest-program.js';
import { heardAt } from '../support/peers/heard-at.js';
import { QemuGuest, qemuGuests, reconnectingDisk } from '../support/peers/qemu.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { program } from '../support/requirements.js';
import { testWhere } from './where.js';

/** Of each backend; `npm run soak kills` wants more. */
const KILLS = Number(process.env.IOREGION_KILLS ?? 3);
/** From the moment that the guest's writes are served again to the next kill, ms. */
const MOST_MS_TO_KILL = 500;
const DISK_MIB = 32;
/** QEMU looks for a backend that has gone once a second; on a busy machine the guest takes its time to boot. */
const BACK_LIMIT_MS = 120_000;
const LOOK_MS = 5;
const LIMIT_MS = 240_000 + KILLS * 10_000;

t.setTimeout(2 * LIMIT_MS);

const metricsOf = (folder: string, name: string) => join(folder, `${name}.metrics`);

async function serveDisk(test: Test, folder: string, name: string, ...options: readonly string[]): Promise<Server> {
  const image = createImage(join(folder, `${name}.img`), DISK_MIB);
  const metrics = `unix:${metricsOf(folder, name)}`;
  const common = ['--socket', join(folder, name), '--image', image, '--queues', '2', '--metrics', metrics];
  const server = await Server.start(['blk', ...common, ...options]);
  test.teardown(() => server.process.kill());
  return server;
}

/**
 * Resolves once writes of the guest are served. QEMU 7.2 never comes back to a backend that dies while the two negotiate:
 * it forgets to look at the next connection.
 */
async function written(metrics: string): Promise<void> {
  const deadline = performance.now() + BACK_LIMIT_MS;
  while (JSON.parse(await heardAt(metrics)).devices[0].counters.writes === 0) {
    if (performance.now() > deadline) throw new Error(`${metrics}: no write within ${BACK_LIMIT_MS} ms`);
    await delay(LOOK_MS);
  }
}

async function killAgainAndAgain(server: Server, metrics: string): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await written(metrics);
    await delay(Math.random() * MOST_MS_TO_KILL);
    await server.crash();
  }
  await written(metrics);
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
  const killed = Promise.all([
    killAgainAndAgain(split, metricsOf(folder, 'split')),
    killAgainAndAgain(packed, metricsOf(folder, 'packed')),
  ]);
  const told = killed.then(() => guest.console.tell(`backends killed ${KILLS} times`));
  told.catch(() => guest.process.kill());
  await guest.console.asSubtest(test, 'the guest');
  await told;
  for (const server of [split, packed]) {
    test.equal(await server.end(), 0, 'a server ends with status 0');
    if (!test.passing()) test.comment(server.process.output);
  }
}

testWhere([...qemuGuests, program('cc')], `disk servers killed ${KILLS} times each under QEMU`, kill);
