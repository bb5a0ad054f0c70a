/** `ioregion serve` on the command line: where it listens, what it tells, how it ends, and what it says of mistakes. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectUnix, native } from 'ioregion/native';
import { MockFrontend } from 'ioregion/testing';
import { decodeConfig, encodeConfig, FrontendRequest } from 'ioregion/vhost-user';
import t, { type Test } from 'tap';
import { heardAt } from '../support/peers/heard-at.js';
import { Server } from '../support/peers/server.js';
import { createImage, testFolder } from '../support/peers/test-folder.js';
import { until } from '../support/peers/until.js';
import { runNode } from '../support/processes.js';
import { CLI_PROGRAM } from '../support/program.js';

const DISK_MIB = 1;
/** Default of vhost-user-blk-pci. */
const QEMU_RING = 128;
/** seg_max of struct virtio_blk_config. */
const SEG_MAX_OFFSET = 12;

t.setTimeout(600_000);

async function serve(test: Test, args: readonly string[], launcher: readonly string[] = []): Promise<Server> {
  const server = await Server.start(args, { launcher });
  test.teardown(() => server.process.kill());
  return server;
}

t.test('a stale socket is replaced, one in use is not, and a server that ends removes its own', async (test) => {
  const folder = testFolder(test);
  const socket = join(folder, 'rng.sock');
  const first = await serve(test, ['rng', '--socket', socket]);
  const second = await runNode(CLI_PROGRAM, ['serve', 'rng', '--socket', socket]);
  test.equal(second.code, 1);
  test.match(second.stderr, /^ioregion: .*rng\.sock is taken.*\(ERR_IOREGION_SOCKET_IN_USE\)\n$/);
  await first.crash();
  test.equal(await first.end(), 0);
  test.notOk(existsSync(socket), 'the socket has gone');
});

t.test('a disk asks for no requests that are longer than the rings of QEMU', async (test) => {
  const folder = testFolder(test);
  const path = (name: string) => join(folder, name);
  const socket = path('blk');
  await serve(test, ['blk', '--socket', socket, '--image', createImage(path('disk.img'), DISK_MIB)]);
  const frontend = new MockFrontend(connectUnix(socket));
  await frontend.negotiate();
  const bytes = new Uint8Array(4);
  const asked = encodeConfig({ offset: SEG_MAX_OFFSET, flags: 0, bytes });
  const answer = decodeConfig((await frontend.ask(FrontendRequest.getConfig, asked)).payload);
  test.equal(new DataView(answer.bytes.buffer, answer.bytes.byteOffset).getUint32(0, true), QEMU_RING - 2);
  frontend.close();
});

t.test('metrics are JSON at a socket, and in a file', async (test) => {
  const folder = testFolder(test);
  const image = createImage(join(folder, 'disk.img'), DISK_MIB);
  const path = (name: string) => join(folder, name);
  const disk = ['blk', '--image', image, '--socket', path('blk')];
  const atSocket = await serve(test, [...disk, '--metrics', `unix:${path('metrics')}`]);
  const expected = { devices: [{ name: `disk ${image}`, type: 2, connected: false, counters: { reads: 0 } }] };
  test.match(JSON.parse(await heardAt(path('metrics'))), expected);
  test.equal(await atSocket.end(), 0);
  const inFile = await serve(test, [...disk, '--metrics', path('metrics.json')]);
  await until(() => existsSync(path('metrics.json')));
  test.match(JSON.parse(readFileSync(path('metrics.json'), 'utf8')), expected);
  test.equal(await inFile.end(), 0);
});

t.test('the socket can be inherited: by number, or as systemd passes it', async (test) => {
  const folder = testFolder(test);
  const path = join(folder, 'rng.sock');
  const listening = native.unixListen(path, 0o600, 4);
  const pass = (command: string) => ['bash', '-c', `${command} exec "$0" "$@" 3<&${listening}`];
  native.setCloexec(listening, false);
  const servers = [
    await serve(test, ['rng', '--fd', String(listening)]),
    await serve(test, ['rng'], pass('LISTEN_FDS=1 LISTEN_PID=$$')),
  ];
  for (const server of servers) {
    test.equal(await server.end(), 0);
    test.ok(existsSync(path), 'the socket is its maker’s');
  }
  native.close(listening);
});

t.test('one line says what is wrong', async (test) => {
  const folder = testFolder(test);
  const path = (name: string) => join(folder, name);
  const image = createImage(path('disk.img'), DISK_MIB);
  createImage(path('free.img'), DISK_MIB);
  mkdirSync(path('folder'));
  writeFileSync(path('none.mjs'), 'export default () => ({});\n');
  writeFileSync(path('broken.mjs'), 'export default () => {\n');
  await serve(test, ['blk', '--image', image, '--socket', path('blk')]);
  const at = ['--socket', path('other')];
  const mistakes: readonly (readonly [what: string, args: readonly string[], reason: RegExp])[] = [
    ['a missing image', ['blk', '--image', path('no.img'), ...at], /no\.img: does not exist.*ERR_IOREGION_BLOCK_IMAGE/],
    ['an image that is a folder', ['blk', '--image', path('folder'), ...at], /neither a regular file/],
    ['an image in use', ['blk', '--image', image, ...at], /disk\.img is in use.*ERR_IOREGION_FILE_IN_USE/],
    ['no image', ['blk', ...at], /required option '--image <path>'/],
    ['no socket', ['rng'], /no socket.*--socket PATH.*ERR_IOREGION_SERVE_OPTION/],
    ['two sockets', ['rng', '--fd', '3', ...at], /exclude each other/],
    ['a folder for sockets that is not there', ['rng', '--socket', path('nowhere/s')], /ENOENT/],
    ['a descriptor that is no socket', ['rng', '--fd', '0'], /ERR_IOREGION_NOT_LISTENING/],
    ['too many queues', ['blk', '--image', path('free.img'), '--queues', '65', ...at], /'65' is invalid.*from 1 to 64/],
    [
      'a queue size that is no power of two',
      ['blk', '--image', path('free.img'), '--queue-size', '100', ...at],
      /power of two/,
    ],
    ['no network', ['net', ...at], /--tap or --peer/],
    ['an unknown option', ['rng', '--fast', ...at], /unknown option '--fast'/],
    ['a port at no place', ['console', '--port', 'nowhere', ...at], /stdio, pty or unix:PATH/],
    ['a module that is not there', [path('no.mjs'), ...at], /no\.mjs.*ERR_IOREGION_DEVICE_LOAD/],
    ['a module that makes no device', [path('none.mjs'), ...at], /none\.mjs.*deviceType.*ERR_IOREGION_DEVICE_KIND/],
    ['a module with a syntax error', [path('broken.mjs'), ...at], /broken\.mjs.*ERR_IOREGION_DEVICE_LOAD/],
  ];
  for (const [what, args, reason] of mistakes) {
    const { code, stderr, stdout } = await runNode(CLI_PROGRAM, ['serve', ...args]);
    test.equal(code, 1, `${what}: status 1`);
    test.match(stderr, reason, what);
    test.same([stderr.trim().split('\n').length, stdout], [1, ''], `${what}: one line, on stderr`);
  }
});
