/** A guest migrates from one QEMU to another while it writes to its disks: each QEMU has servers of its own, the images stay. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { GuestConsole } from '../support/peers/guest-console.js';
import { guestProgram } from '../support/peers/guest-program.js';
import { heardAt } from '../support/peers/heard-at.js';
import { migrate, migratingConsole } from '../support/peers/migration.js';
import { QemuGuest, qemuGuests, reconnectingDisk } from '../support/peers/qemu.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { CLI_PROGRAM } from '../support/program.js';
import { program } from '../support/requirements.js';
import { testWhere } from './where.js';

const DISK_MIB = 32;
const LIMIT_MS = 240_000;
/** The memory of the guest goes through in some seconds, and what its devices write meanwhile once more. */
const BYTES_PER_SECOND = 48 * 2 ** 20;
/** Requests of each disk before the guest moves, and after. */
const WORK = 150;
const WORK_LIMIT_MS = 90_000;
const LOOK_MS = 20;
const IN_USE = /ERR_IOREGION_FILE_IN_USE/;
const DISKS = [
  { name: 'vda', options: [], device: 'num-queues=2' },
  { name: 'vdb', options: ['--packed'], device: 'num-queues=2,packed=on' },
] as const;

t.setTimeout(2 * LIMIT_MS);

interface Side {
  readonly servers: readonly Server[];
  readonly guest: QemuGuest;
  /** Resolves with the requests that its servers have carried out: reads, and writes. */
  counts(): Promise<[number, number][]>;
}

/** A QEMU and its servers; the guest boots there, or comes from the socket `incoming`. */
async function startSide(test: Test, folder: string, side: string, incoming?: string): Promise<Side> {
  const path = (name: string) => join(folder, `${side}-${name}`);
  const start = async ({ name, options }: (typeof DISKS)[number]) => {
    const image = ['--image', join(folder, name), '--queues', '2', '--metrics', `unix:${path(`${name}.metrics`)}`];
    const coming = incoming === undefined ? [] : ['--incoming'];
    const server = await Server.start(['blk', '--socket', path(name), ...image, ...options, ...coming]);
    test.teardown(() => server.process.kill());
    return server;
  };
  const servers = await Promise.all(DISKS.map(start));
  const guest = new QemuGuest({
    parts: ['writer', 'disk-sums'],
    programs: { 'bin/verify-writer': guestProgram('verify-writer') },
    cpus: 2,
    limitMs: LIMIT_MS,
    control: path('qmp'),
    ...(incoming === undefined ? {} : { incoming }),
    args: DISKS.flatMap(({ name, device }) => reconnectingDisk(name, path(name), device)),
  });
  test.teardown(() => guest.process.kill());
  const counts = () =>
    Promise.all(
      DISKS.map(async ({ name }): Promise<[number, number]> => {
        const { reads, writes } = JSON.parse(await heardAt(path(`${name}.metrics`))).devices[0].counters;
        return [reads, writes];
      }),
    );
  return { servers, guest, counts };
}

/** Resolves once each disk has been read and written often enough; or after a while: the guest says itself what is wrong. */
async function worked({ counts, guest }: Side): Promise<void> {
  const deadline = performance.now() + WORK_LIMIT_MS;
  let ended = false;
  void guest.process.exited.then(() => {
    ended = true;
  });
  while (!(await counts()).every(([reads, writes]) => Math.min(reads, writes) >= WORK)) {
    if (ended) throw new Error(`QEMU has ended: ${guest.process.output}`);
    if (performance.now() > deadline) return;
    await delay(LOOK_MS);
  }
}

/** What another server says that is to have the image of a disk, too. */
function refusal(folder: string, image: string): string {
  const args = [CLI_PROGRAM, 'serve', 'blk', '--socket', join(folder, 'other'), '--image', image];
  try {
    return execFileSync(process.execPath, args, { stdio: 'pipe', encoding: 'utf8', timeout: 60_000 });
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

async function expectSums(test: Test, folder: string, console: GuestConsole): Promise<void> {
  for (const { name } of DISKS) {
    const sum = execFileSync('md5sum', [join(folder, name)], { encoding: 'utf8' }).split(' ')[0];
    test.equal(await console.said(`sum ${name}`), `sum ${name} ${sum}`, `${name}: the image has what the guest reads`);
  }
}

/** Migrates, and expects that every disk has been used meanwhile. */
async function expectMigration(test: Test, here: Side, socket: string): Promise<void> {
  const before = await here.counts();
  const figures = await migrate(here.guest, socket, BYTES_PER_SECOND);
  const left = await here.counts();
  const used = left.every(([reads, writes], disk) => reads > before[disk]![0] && writes > before[disk]![1]);
  test.ok(used, 'every disk is read and written while the guest migrates');
  test.comment(`${figures['total-time']} ms, ${figures.downtime} of them down; requests here ${JSON.stringify(left)}`);
}

async function move(test: Test): Promise<void> {
  const folder = testFolder(test);
  const images = DISKS.map(({ name }) => createImage(join(folder, name), DISK_MIB));
  const here = await startSide(test, folder, 'here');
  await here.guest.console.said('writing');
  const socket = join(folder, 'migration');
  const there = await startSide(test, folder, 'there', socket);
  const console = migratingConsole(here.guest, there.guest);
  await worked(here);
  for (const image of images) test.match(refusal(folder, image), IN_USE, 'the image is in use while the guest is here');
  await expectMigration(test, here, socket);
  for (const image of images) test.match(refusal(folder, image), IN_USE, 'and while it is there');
  await here.guest.process.stop('SIGTERM');
  for (const server of here.servers) test.equal(await server.end(), 0, 'a server here ends with status 0');

  await worked(there);
  console.tell('moved');
  await console.asSubtest(test, 'the guest, here and there');
  await expectSums(test, folder, console);
  for (const server of there.servers) test.equal(await server.end(), 0, 'a server there ends with status 0');
}

const NAME = 'live migration between two QEMUs, of disks with split and packed rings';
testWhere([...qemuGuests, program('cc')], NAME, move);
