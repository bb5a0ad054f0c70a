/**
 * A stock Debian kernel in our VMM, with disks in all four placements that come and go while it runs: scripts/nested/guest-init.sh has the
 * guest's part, which it reports in TAP on its console. On the nested machine only (`npm run test:nested`).
 */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { VirtualMachine } from 'ioregion/vmm';
import t, { type Test } from 'tap';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess } from '../support/processes.js';
import { kvmDevice } from '../support/requirements.js';
import { testWhere } from './where.js';

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const GUEST = process.env.IOREGION_LINUX_GUEST;
const LIMIT_MS = 60_000 * PATIENCE;
const COMMAND_LINE = 'console=ttyS0 reboot=k panic=-1 quiet noxsave';
/** vCPUs, the disk from the start, entropy; and of each disk that comes and goes. */
const CHECKS = { always: 3, each: 3 };

t.setTimeout(4 * LIMIT_MS);

function testLinux(name: string, body: (test: Test) => Promise<void>): void {
  if (GUEST !== undefined) testWhere([kvmDevice], name, body);
  else void t.test(name, { skip: 'a stock kernel boots on the nested machine: npm run test:nested' }, body);
}

/** Paths of copies of the guest's disks, and of whatever else. */
function temporary(test: Test): { readonly disks: readonly string[]; readonly path: (name: string) => string } {
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-hotplug-'));
  test.teardown(() => rmSync(directory, { recursive: true }));
  const path = (name: string) => join(directory, name);
  const disks = [0, 1, 2, 3].map((index) => path(`disk-${index}.img`));
  for (const [index, disk] of disks.entries()) copyFileSync(`${GUEST}/disk-${index}.img`, disk);
  return { disks, path };
}

/** The guest's test points become this test's. */
function report(test: Test, console: string, rounds: number): void {
  const points = console.split(/\r?\n/).filter((line) => /^(not )?ok \d+ - /.test(line));
  for (const point of points) test.ok(point.startsWith('ok'), `guest: ${point.replace(/^.*? - /, '')}`);
  test.equal(points.length, CHECKS.always + CHECKS.each * rounds, 'the guest made all its checks');
}

/** What the descriptors of a process are, sorted. */
function openFiles(pid: number): string[] {
  const files = readdirSync(`/proc/${pid}/fd`).flatMap((number) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${number}`).replace(/\d+/, 'N')];
    } catch {
      return [];
    }
  });
  return files.sort();
}

/** Handles of an event loop are closed at the end of a turn. */
async function onlyOpen(test: Test, pid: number, before: readonly string[], what: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (openFiles(pid).join() !== before.join() && performance.now() < deadline) await delay(20);
  test.same(openFiles(pid), before, `${what}: no file of it is open`);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  test.equal(children, '', `${what}: no process of it runs`);
}

testLinux('disks come and go, inline, in a process and on a thread, while Linux runs on one vCPU', async (test) => {
  const { disks } = temporary(test);
  const output = new PassThrough();
  let console = '';
  output.on('data', (data: Uint8Array) => {
    console += new TextDecoder('latin1').decode(data);
  });
  const said = async (words: string): Promise<void> => {
    while (!console.includes(words)) await new Promise((resolve) => output.once('data', resolve));
  };
  const atFirst = openFiles(process.pid);
  const machine = new VirtualMachine({
    kernel: `${GUEST}/vmlinuz`,
    initrd: `${GUEST}/initramfs`,
    commandLine: `${COMMAND_LINE} test.cpus=1 test.hotplug=3`,
    memory: 192 * 2 ** 20,
    serial: { output },
    disks: [{ path: disks[0]! }],
    rng: true,
  });
  test.teardown(() => machine.stop());
  await machine.start({ signal: AbortSignal.timeout(2 * LIMIT_MS) });
  for (const [index, attach] of (['inline', 'process', 'thread'] as const).entries()) {
    await said(`# waits for disk ${index + 1}`);
    const before = openFiles(process.pid);
    const disk = { path: disks[index + 1]!, attach, id: 'hot' };
    test.match(await machine.plug({ disk }), { id: 'hot', slot: 3, attach });
    await said(`# gives back disk ${index + 1}`);
    await machine.unplug('hot', { timeoutMs: LIMIT_MS });
    test.same(
      machine.devices.map(({ slot }) => slot),
      [1, 2],
      `${attach}: the machine has no such device any more`,
    );
    /* The guest ends with the last one. */
    if (attach !== 'thread') await onlyOpen(test, process.pid, before, attach);
  }
  test.same(await machine.ended, { reason: 'power-off' });
  await onlyOpen(test, process.pid, atFirst, 'the machine');
  report(test, console, 3);
});

/** A client of the control socket. */
class Control {
  readonly #socket: Socket;
  #text = '';

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on('data', (data) => {
      this.#text += String(data);
    });
  }

  async ask(line: unknown): Promise<unknown> {
    this.#socket.write(`${JSON.stringify(line)}\n`);
    while (!this.#text.includes('\n')) await new Promise((resolve) => this.#socket.once('data', resolve));
    const [answer, ...rest] = this.#text.split('\n');
    this.#text = rest.join('\n');
    return JSON.parse(answer!);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** `ioregion run` with a control socket, and the client of that. */
async function controlled(test: Test, path: string, args: readonly string[]) {
  const run = new NodeProcess(PROGRAM, ['run', '--control', path, ...args], { timeoutMs: 2 * LIMIT_MS });
  test.teardown(() => run.kill());
  while (!existsSync(path)) await delay(20);
  const control = new Control(path);
  test.teardown(() => control.close());
  return { run, control };
}

testLinux(
  'disks behind a backend and in a process come and go by the control socket, over a snapshot, on two vCPUs',
  async (test) => {
    const { disks, path } = temporary(test);
    const backend = new NodeProcess(PROGRAM, ['serve', 'blk', '--socket', path('backend'), '--image', disks[1]!], {
      timeoutMs: 4 * LIMIT_MS,
    });
    test.teardown(() => backend.kill('SIGTERM'));
    const devices = ['--disk', disks[0]!, '--rng', 'thread'];
    const first = await controlled(test, path('first'), [
      ...['--kernel', `${GUEST}/vmlinuz`, '--initrd', `${GUEST}/initramfs`, '--memory', '192M', '--cpus', '2'],
      ...['--command-line', `${COMMAND_LINE} test.cpus=2 test.hotplug=2`, ...devices],
    ]);
    await first.run.printed('# waits for disk 1');
    const files = openFiles(first.run.pid);
    const plugged = await first.control.ask({ plug: `disk=${disks[1]},attach=vhost-user:${path('backend')},id=back` });
    test.match(plugged, { ok: { id: 'back', slot: 3 } });
    await first.run.printed('# gives back disk 1');
    test.same(await first.control.ask({ unplug: { id: 'back', timeoutMs: LIMIT_MS } }), { ok: null });
    await onlyOpen(test, first.run.pid, files, 'vhost-user');

    await first.run.printed('# waits for disk 2');
    test.match(await first.control.ask({ plug: `disk=${disks[2]},attach=process` }), { ok: { slot: 3 } });
    await first.run.printed('# gives back disk 2');
    test.match(await first.control.ask({ snapshot: path('saved') }), { ok: { memoryBytes: Number } });
    test.same(await first.control.ask('stop'), { ok: null });
    const before = await first.run.exited;
    test.notMatch(before.stdout, /disk 2 and its PCI function are gone/, 'saved with the disk that was plugged in');

    const second = await controlled(test, path('second'), [
      ...['--restore', path('saved'), ...devices, '--disk', `${disks[2]},attach=thread,id=hot`],
    ]);
    test.match(await second.control.ask({ query: null }), { ok: { state: 'running', devices: { length: 3 } } });
    test.same(await second.control.ask({ unplug: { id: 'hot', timeoutMs: LIMIT_MS } }), { ok: null });
    const { code, stdout, stderr } = await second.run.exited;
    report(test, before.stdout + stdout, 2);
    test.equal(code, 0, `status 0${stderr === '' ? '' : `: ${stderr}`}`);
  },
);
