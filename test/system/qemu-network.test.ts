/** Network cards of `ioregion serve net` in QEMU, on TAP devices in a network namespace: split and packed rings. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { guestProgram } from '../support/peers/guest-program.js';
import type { PeerProcess } from '../support/peers/peer-process.js';
import { networkCard, QemuGuest, qemuGuests } from '../support/peers/qemu.js';
import { Server } from '../support/peers/server.js';
import { testFolder } from '../support/peers/test-folder.js';
import { networkTools, TestNetwork } from '../support/peers/test-network.js';
import { until } from '../support/peers/until.js';
import { program } from '../support/requirements.js';
import { testWhere } from './where.js';

const LIMIT_MS = 240_000;
const CARDS = [
  { options: [], device: '', bytes: 100_000_000 },
  { options: ['--packed'], device: ',packed=on', bytes: 20_000_000 },
] as const;

t.setTimeout(2 * LIMIT_MS);

interface Host {
  readonly server: Server;
  readonly socket: string;
  readonly network: TestNetwork;
  readonly receiver: PeerProcess;
}

/** A card on a TAP device, and a host on the same network that takes what the guest sends. */
async function startHost(test: Test, folder: string, index: number): Promise<Host> {
  const { options, bytes } = CARDS[index]!;
  const socket = join(folder, `net${index}`);
  const args = ['net', '--socket', socket, '--tap', 'tap0', ...options];
  const server = await Server.start(args, { launcher: ['unshare', '--net'] });
  test.teardown(() => server.process.kill());
  const network = new TestNetwork(server);
  network.setUp('tap0', `10.3.${index}.1/24`);
  const receiver = network.start(guestProgram('tcp-transfer'), 'receive', '9', String(bytes));
  test.teardown(() => receiver.kill());
  await until(() => receiver.output.includes('listening'));
  return { server, socket, network, receiver };
}

async function send(guest: QemuGuest, { network }: Host, index: number): Promise<PeerProcess> {
  await guest.console.said(`receives eth${index}`);
  const address = `10.3.${index}.2`;
  const sender = network.start(guestProgram('tcp-transfer'), 'send', address, '10', String(CARDS[index]!.bytes));
  await sender.exited;
  return sender;
}

async function exchange(test: Test): Promise<void> {
  const folder = testFolder(test);
  const hosts = await Promise.all(CARDS.map((_, index) => startHost(test, folder, index)));
  const guest = new QemuGuest({
    parts: ['net'],
    programs: { 'bin/tcp-transfer': guestProgram('tcp-transfer') },
    settings: Object.fromEntries(CARDS.map(({ bytes }, index) => [`bytes_eth${index}`, String(bytes)])),
    limitMs: LIMIT_MS,
    args: hosts.flatMap(({ socket }, index) => networkCard(`net${index}`, socket, CARDS[index]!.device)),
  });
  test.teardown(() => guest.process.kill());
  const sent = Promise.all(hosts.map((host, index) => send(guest, host, index)));
  await guest.console.asSubtest(test, 'the guest');
  for (const sender of await sent)
    test.equal((await sender.exited).code, 0, `a host has sent: ${sender.output.trim()}`);
  for (const { receiver, server } of hosts) {
    test.equal((await receiver.exited).code, 0, `a host has received: ${receiver.output.trim()}`);
    test.equal(await server.end(), 0, 'a server ends with status 0');
  }
}

const NAME = 'network cards in QEMU, on TAP devices, with split and packed rings';
testWhere([...qemuGuests, ...networkTools, program('cc')], NAME, exchange);
