/** Block, network and console devices of `ioregion serve` in User-Mode Linux, which notifies in-band. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { guestProgram } from '../support/peers/guest-program.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { UmlGuest, umlGuests } from '../support/peers/uml.js';
import { program } from '../support/requirements.js';
import { testWhere } from './where.js';

const DISK_MIB = 64;
const LIMIT_MS = 240_000;
/** Over a cable of 1500-byte packets: one emulated processor sends and receives them all, some megabytes a second. */
const TRANSFER_BYTES = 20_000_000;
const FROM_CONSOLE = 256 * 1024;
const TYPE = { network: 1, block: 2, console: 3 } as const;

t.setTimeout(2 * LIMIT_MS);

async function startServer(test: Test, args: readonly string[], devices = 1): Promise<Server> {
  const server = await Server.start(args, { devices });
  test.teardown(() => server.process.kill());
  return server;
}

/** Says hello, and resolves with what comes back: a line, then as many x. */
async function talk(guest: UmlGuest, path: string): Promise<string> {
  const socket: Socket = connect(path).setEncoding('utf8');
  let heard = '';
  socket.on('data', (text: string) => {
    heard += text;
  });
  await guest.console.said('console');
  socket.write('hello\n');
  await guest.process.exited;
  socket.destroy();
  return heard;
}

testWhere([...umlGuests, program('cc')], 'User-Mode Linux', async (test) => {
  const folder = testFolder(test);
  const path = (name: string) => join(folder, name);
  const image = createImage(path('disk.img'), DISK_MIB);
  const servers = [
    await startServer(test, ['blk', '--socket', path('blk'), '--image', image]),
    await startServer(test, ['net', '--socket', path('net0'), '--peer', path('net1')], 2),
    await startServer(test, ['console', '--socket', path('console'), '--port', `unix:${path('port')}`]),
  ];
  const guest = new UmlGuest({
    parts: ['block', 'cable', 'console'],
    programs: { 'bin/tcp-transfer': guestProgram('tcp-transfer') },
    settings: { disk_mib: String(DISK_MIB), queues: '1', transfer_bytes: String(TRANSFER_BYTES) },
    limitMs: LIMIT_MS,
    devices: [
      { socket: path('blk'), type: TYPE.block },
      { socket: path('net0'), type: TYPE.network },
      { socket: path('net1'), type: TYPE.network },
      { socket: path('console'), type: TYPE.console },
    ],
  });
  test.teardown(() => guest.process.kill());
  const heard = talk(guest, path('port'));
  await guest.console.asSubtest(test, 'the guest');
  test.equal(await heard, `hello yourself\n${'x'.repeat(FROM_CONSOLE)}`, 'the console brings what the guest wrote');
  for (const server of servers) test.equal(await server.end(), 0, 'a server ends with status 0');
});
