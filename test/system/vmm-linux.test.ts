/**
 * A stock Debian kernel in our VMM, with devices in all four placements at once; it reports in TAP on its console. On the
 * nested machine only (`npm run test:nested`), which brings kernel, initramfs and disks: scripts/nested/linux-guest.mjs.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type DiskDescription, VirtualMachine } from 'ioregion/vmm';
import t, { type Test } from 'tap';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess } from '../support/processes.js';
import { kvmDevice } from '../support/requirements.js';
import { testWhere } from './where.js';

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../examples/minimal-vmm.js', import.meta.url));
const GUEST = process.env.IOREGION_LINUX_GUEST;
const LIMIT_MS = 20_000 * PATIENCE;
const MEMORY = 192 * 2 ** 20;
const ADDRESS = { host: '10.99.0.1', guest: '10.99.0.2' };
const COMMAND_LINE = 'console=ttyS0 reboot=k panic=-1 quiet noxsave';
const DISK_CHECKS = 4;
/** Of 256 KiB to each disk. */
const LOAD_ROUNDS = 8;
/** What is shown of a console whose guest did not do all it should. */
const LAST_LINES = 30;

/** Without the runner of tap, as on the nested machine, the limit is tap's own: 30 s. */
t.setTimeout(12 * LIMIT_MS);

function testLinux(name: string, body: (test: Test) => Promise<void>): void {
  if (GUEST !== undefined) testWhere([kvmDevice], name, body);
  else void t.test(name, { skip: 'a stock kernel boots on the nested machine: npm run test:nested' }, body);
}

/** Paths of copies of the disks, in a directory of their own. */
function copiedDisks(test: Test): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-linux-'));
  test.teardown(() => rmSync(directory, { recursive: true }));
  const disks = [0, 1, 2, 3].map((index) => join(directory, `disk-${index}.img`));
  for (const [index, disk] of disks.entries()) copyFileSync(`${GUEST}/disk-${index}.img`, disk);
  return disks;
}

/** A copy of the disks, placed in each of the four ways. */
async function placedDisks(test: Test): Promise<{ readonly path: string; readonly attach: string }[]> {
  const disks = copiedDisks(test);
  const socket = join(dirname(disks[0]!), 'backend');
  const backend = new NodeProcess(PROGRAM, ['serve', 'blk', '--socket', socket, '--image', disks[3]!], {
    timeoutMs: 2 * LIMIT_MS,
  });
  test.teardown(() => backend.kill('SIGTERM'));
  while (!existsSync(socket)) await delay(20);
  const placements = ['inline', 'thread', 'process', `vhost-user:${socket}`];
  return placements.map((attach, index) => ({ path: disks[index]!, attach }));
}

/** Without what no line of TAP may have: a carriage return in the middle of one ends the report of the test. */
function linesOf(console: string): string[] {
  return console.split(/\r?\n/).map((line) => line.replace(/[^ -~]/g, '?'));
}

/** The guest's test points become this test's. */
function report(test: Test, console: string, expected: number): void {
  const lines = linesOf(console);
  const points = lines.filter((line) => /^(not )?ok \d+ - /.test(line));
  for (const point of points) test.ok(point.startsWith('ok'), `guest: ${point.replace(/^.*? - /, '')}`);
  test.equal(points.length, expected, 'the guest made all its checks');
  test.ok(lines.includes(`1..${expected}`), 'the guest came to its end');
  if (!test.passing()) test.comment(`the end of its console:\n${lines.slice(-LAST_LINES).join('\n')}`);
}

testLinux('ioregion run boots Linux on one vCPU, with disks in all four placements, and ends with it', async (test) => {
  const disks = await placedDisks(test);
  const run = new NodeProcess(
    PROGRAM,
    [
      ...['run', '--kernel', `${GUEST}/vmlinuz`, '--initrd', `${GUEST}/initramfs`, '--memory', '192M'],
      ...['--command-line', `${COMMAND_LINE} test.cpus=1`, '--rng', 'inline'],
      ...disks.flatMap(({ path, attach }) => ['--disk', `${path},attach=${attach}`]),
    ],
    { timeoutMs: LIMIT_MS },
  );
  const { code, stdout, stderr } = await run.exited;
  report(test, stdout, 2 + DISK_CHECKS);
  test.equal(code, 0, `status 0${stderr === '' ? '' : `: ${stderr}`}`);
});

testLinux('the VMM of examples/minimal-vmm boots Linux to user space, with a device of its own', async (test) => {
  const [disk] = copiedDisks(test);
  const run = new NodeProcess(EXAMPLE, [`${GUEST}/vmlinuz`, `${GUEST}/initramfs`, disk!], { timeoutMs: LIMIT_MS });
  const { code, stdout, stderr } = await run.exited;
  report(test, stdout, 3);
  const end = linesOf(stdout).findLast((line) => line !== '');
  test.equal(end, 'the machine ended: power-off');
  test.equal(code, 0, `status 0${stderr === '' ? '' : `: ${stderr}`}`);
});

testLinux('a machine with two vCPUs restarts, pauses, pings over a TAP, and powers off', async (test) => {
  const disks = (await placedDisks(test)) as DiskDescription[];
  const output = new PassThrough();
  let console = '';
  output.on('data', (data: Uint8Array) => {
    console += new TextDecoder('latin1').decode(data);
  });
  const machine = new VirtualMachine({
    kernel: `${GUEST}/vmlinuz`,
    initrd: `${GUEST}/initramfs`,
    commandLine: `${COMMAND_LINE} test.cpus=2 test.reboot=once test.ping=${ADDRESS.host} test.address=${ADDRESS.guest}/24`,
    memory: MEMORY,
    cpus: 2,
    serial: { output },
    disks,
    nets: [{ tap: 'iolinux0', attach: 'inline' }],
    rng: { attach: 'thread' },
    onReset: 'restart',
  });
  const limit = AbortSignal.timeout(2 * LIMIT_MS);
  await machine.start({ signal: limit });
  test.teardown(() => machine.stop());
  await machine.pause();
  test.equal(machine.state, 'paused');
  machine.resume();
  await sawRestart(output, limit, () => console);
  execFileSync('ip', ['addr', 'add', `${ADDRESS.host}/24`, 'dev', 'iolinux0']);
  execFileSync('ip', ['link', 'set', 'iolinux0', 'up']);
  test.same(await machine.ended, { reason: 'power-off' });
  report(test, console, 4 + DISK_CHECKS);
});

testLinux('ioregion run saves Linux under disk load, and another process goes on with it', async (test) => {
  const disks = await placedDisks(test);
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-saved-'));
  test.teardown(() => rmSync(directory, { recursive: true }));
  const saved = join(directory, 'snapshot');
  const devices = ['--rng', 'thread', ...disks.flatMap(({ path, attach }) => ['--disk', `${path},attach=${attach}`])];
  const first = new NodeProcess(
    PROGRAM,
    [
      ...['run', '--kernel', `${GUEST}/vmlinuz`, '--initrd', `${GUEST}/initramfs`, '--memory', '192M', '--cpus', '2'],
      ...['--command-line', `${COMMAND_LINE} test.cpus=2 test.load=${LOAD_ROUNDS}`, '--snapshot-to', saved, ...devices],
    ],
    { timeoutMs: LIMIT_MS },
  );
  await first.printed('# vda round 2');
  first.child.kill('SIGUSR2');
  const before = await first.exited;
  test.equal(before.code, 0, `saved with status 0: ${before.stderr}`);
  test.notMatch(before.stdout, /^(not )?ok/m, 'in the middle of the load');
  const restored = new NodeProcess(PROGRAM, ['run', '--restore', saved, ...devices], { timeoutMs: LIMIT_MS });
  const after = await restored.exited;
  report(test, after.stdout, 2 + 2 * DISK_CHECKS);
  test.equal(after.code, 0, `restored, with status 0${after.stderr === '' ? '' : `: ${after.stderr}`}`);
  test.comment(`${before.stderr.trim()}; the restored guest took ${Math.round(after.ms)} ms to its end`);
});

/** Resolves when the guest has started for the second time. */
async function sawRestart(output: PassThrough, signal: AbortSignal, text: () => string): Promise<void> {
  while (!/# reboots[\s\S]*ok 1 - /.test(text())) await once(output, 'data', { signal });
}
