/**
 * A stock Debian kernel that talks over a TAP and on a virtio console, and writes to a disk behind a vhost-user backend, while its
 * machine is saved and restored: scripts/nested/guest-init.sh has the guest's part. On the nested machine only (`npm run test:nested`).
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Fd, socketpair } from 'ioregion/native';
import t, { type Test } from 'tap';
import { EchoTalk } from '../support/echo-talk.js';
import { PATIENCE } from '../support/patience.js';
import { testFolder } from '../support/peers/test-folder.js';
import { NodeProcess, type ProcessExit } from '../support/processes.js';
import { kvmDevice, tapDevices } from '../support/requirements.js';
import type { SavedMachine } from '../support/saved-machine.js';
import { testWhere } from './where.js';

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const MACHINE = fileURLToPath(new URL('../support/saved-machine.js', import.meta.url));
const GUEST = process.env.IOREGION_LINUX_GUEST;
const LIMIT_MS = 60_000 * PATIENCE;
const TAP = 'iosaved0';
const ADDRESS = { host: '10.98.0.1', guest: '10.98.0.2' };
/** Where the guest knows that the host listens. */
const ECHO_PORT = 7;
const LOAD_ROUNDS = 6;
const COMMAND_LINE = [
  ...['console=ttyS0 reboot=k panic=-1 quiet noxsave test.cpus=1', `test.load=${LOAD_ROUNDS}`],
  ...[`test.echo=${ADDRESS.host}`, `test.address=${ADDRESS.guest}/24`],
].join(' ');
/** What was written, vCPUs, file system, entropy. */
const CHECKS = 4;
/** Lines before the snapshot, and after it. */
const LINES = { network: 100, console: 20 };

t.setTimeout(4 * LIMIT_MS);

/** An interface that stays while nobody has it open. */
function makeTap(test: Test): void {
  execFileSync('tunctl', ['-t', TAP]);
  test.teardown(() => execFileSync('tunctl', ['-d', TAP]));
  execFileSync('ip', ['addr', 'add', `${ADDRESS.host}/24`, 'dev', TAP]);
  execFileSync('ip', ['link', 'set', TAP, 'up']);
}

async function listen(test: Test): Promise<Server> {
  const server = createServer();
  test.teardown(() => server.close());
  server.listen(ECHO_PORT, ADDRESS.host);
  await once(server, 'listening');
  return server;
}

async function serveDisk(test: Test, socket: string, image: string): Promise<NodeProcess> {
  const args = ['serve', 'blk', '--socket', socket, '--image', image];
  const backend = new NodeProcess(PROGRAM, args, { timeoutMs: 2 * LIMIT_MS });
  test.teardown(() => backend.kill());
  while (!existsSync(socket)) await delay(20);
  return backend;
}

function runMachine(test: Test, machine: SavedMachine, stdio: Fd): NodeProcess {
  const run = new NodeProcess(MACHINE, [JSON.stringify(machine)], { stdio, timeoutMs: LIMIT_MS });
  test.teardown(() => run.kill());
  return run;
}

/** What is waited for while the machine runs. Rejects where that ends before. */
async function meanwhile<T>(run: NodeProcess, happening: Promise<T>): Promise<T> {
  const ended = run.exited.then(({ stderr }: ProcessExit) => {
    throw new Error(`the machine ended before: ${stderr}`);
  });
  return await Promise.race([happening, ended]);
}

/** The guest's test points become this test's. */
function report(test: Test, serial: string): void {
  const points = serial.split(/\r?\n/).filter((line) => /^(not )?ok \d+ - /.test(line));
  for (const point of points) test.ok(point.startsWith('ok'), `guest: ${point.replace(/^.*? - /, '')}`);
  test.equal(points.length, CHECKS, 'the guest made all its checks');
}

/** The guest says so in a line. */
async function ready(console: Socket): Promise<void> {
  let text = '';
  while (!text.endsWith('\n')) text += String((await once(console, 'data'))[0]);
}

/** The guest's ends: of the console once it is ready, of the network once it connects. */
async function talks(test: Test, console: Socket, server: Server): Promise<readonly [EchoTalk, EchoTalk, Socket]> {
  const connected = once(server, 'connection') as Promise<[Socket]>;
  await ready(console);
  const [connection] = await connected;
  test.teardown(() => connection.destroy());
  return [
    new EchoTalk(console, { length: 60, ahead: 8 }),
    new EchoTalk(connection, { length: 1000, ahead: 32 }),
    connection,
  ];
}

async function saveAndRestore(test: Test): Promise<void> {
  const folder = testFolder(test);
  const [image, socket, saved] = ['disk.img', 'backend', 'saved'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  copyFileSync(`${GUEST}/disk-0.img`, image);
  makeTap(test);
  const server = await listen(test);
  const [ours, theirs] = socketpair('stream');
  const line = new Socket({ fd: ours.number });
  test.teardown(() => line.destroy());
  const disks = [{ path: image, attach: `vhost-user:${socket}` }] as const;
  const consoles = [{ ports: [{ backend: 'stdio' }] }] as const;

  const firstBackend = await serveDisk(test, socket, image);
  const boot = { kernel: `${GUEST}/vmlinuz`, initrd: `${GUEST}/initramfs`, commandLine: COMMAND_LINE };
  const described = { ...boot, memory: 192 * 2 ** 20, rng: true, disks, consoles, saveTo: saved };
  const first = runMachine(test, { ...described, nets: [{ tap: TAP, attach: 'process' }] }, theirs);
  const [console, network, connection] = await meanwhile(first, talks(test, line, server));
  const busy = [console.until(LINES.console), network.until(LINES.network), first.complained('# vda round 2')];
  await meanwhile(first, Promise.all(busy));
  first.child.kill('SIGUSR2');
  const before = await first.exited;
  test.match(before, { code: 0, stderr: /the machine ended: stopped/ }, 'saved');
  test.notMatch(before.stderr, /^(not )?ok/m, 'in the middle of the load');
  await firstBackend.kill('SIGTERM');
  await serveDisk(test, socket, image);

  const said = { console: console.echoed, network: network.echoed };
  const placed = { rng: { attach: 'thread' }, nets: [{ tap: TAP, attach: 'thread' }], disks, consoles } as const;
  const second = runMachine(test, { kernel: '', ...placed, restore: saved }, theirs);
  const more = [console.until(said.console + LINES.console), network.until(said.network + LINES.network)];
  await meanwhile(second, Promise.all(more));
  test.pass('what is said over TCP and on the console comes back, once and in order, before and after');
  await meanwhile(second, Promise.all([console.end(), network.end()]));
  line.write('end\n');
  connection.end();
  const after = await second.exited;
  report(test, after.stderr);
  test.match(after, { code: 0, stderr: /the machine ended: power-off/ }, 'came to its end');
  test.comment(
    `lines said: console ${console.echoed}, ${said.console} before; network ${network.echoed}, ${said.network} before`,
  );
}

const NAME =
  'Linux goes on talking over a TAP and on a virtio console, and writing to a vhost-user disk, in a fresh process';
if (GUEST !== undefined) testWhere([kvmDevice, tapDevices], NAME, saveAndRestore);
else void t.test(NAME, { skip: 'a stock kernel boots on the nested machine: npm run test:nested' }, async () => {});
