/**
 * The freestanding guests as kernels of our machine: what their devices count, and what becomes of a device that dies. A guest
 * starts over when it has ended, until its machine is off: counts are at least what one run makes.
 */
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BackendServer } from 'ioregion/vhost-user';
import { type DiskDescription, type MachineDescription, type MachineMetrics, VirtualMachine } from 'ioregion/vmm';
import { expect, it, vi } from 'vitest';
import {
  guestKernel,
  LAYOUT,
  pioWrite,
  virtioKernel,
  virtioPattern,
  waitEqual,
  writeBenchParameters,
  writeOplist,
  writeStressParameters,
} from '#dist/guests/index.js';
import { BlockDevice } from '#dist/src/virtio/devices/blk/index.js';
import { childProcesses, isRunning } from '../support/child-processes.js';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess } from '../support/processes.js';
import { describeWhere, kvmDevice, tapDevices } from '../support/require.js';
import { temporaryDirectory } from '../support/temporary.js';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const MEMORY = 32 * 2 ** 20;
const PARAMETERS = LAYOUT.GUEST_FREE;
const WAIT = { timeout: 30_000 * PATIENCE };
const SEED = 7;
const REQUESTS = 20;
/** More than a guest writes until something is killed. */
const ENDLESS = 1 << 20;
const OK = { reason: 'debug-exit', code: LAYOUT.GUEST_STATUS_OK };

const directory = temporaryDirectory();
let files = 0;

function write(bytes: Uint8Array): string {
  const path = join(directory, `kernel-${files++}`);
  writeFileSync(path, bytes);
  return path;
}

function emptyDisk(bytes: number): string {
  const path = join(directory, `disk-${files++}.img`);
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

async function diskKernel(requests: number): Promise<string> {
  const windows = { memoryWindow: 0xd000_0000, portWindow: 0x1000 };
  return write(await virtioKernel({ driver: 'split', ...windows, queues: 1, requests, seed: SEED }));
}

/** Says `text` on the serial port, then ends, or waits for ever. */
async function sayingKernel(text: string, waits = false): Promise<string> {
  const say = [...text].map((one) => pioWrite(0x3f8, 1, one.charCodeAt(0)));
  const ops = waits ? [...say, waitEqual(LAYOUT.GUEST_FREE - 8, 1)] : say;
  const prepare = (memory: Uint8Array): void => void writeOplist(memory, PARAMETERS, ops);
  return write(await guestKernel({ name: 'oplist', mode: 'long', prepare, parameters: PARAMETERS }));
}

function expectPattern(disk: string): void {
  const written = Array.from({ length: REQUESTS }, (_, request) => virtioPattern(SEED, request));
  expect(
    readFileSync(disk)
      .subarray(0, REQUESTS * LAYOUT.VIRTIO_REQUEST_BYTES)
      .equals(Buffer.concat(written)),
  ).toBe(true);
}

async function run(description: MachineDescription) {
  const machine = new VirtualMachine({ memory: MEMORY, ...description });
  await machine.start({ signal: AbortSignal.timeout(60_000 * PATIENCE) });
  return { end: await machine.ended, metrics: machine.metrics() };
}

const deviceProcesses = () => childProcesses().filter(({ command }) => command.includes('region-server'));
const popped = (machine: VirtualMachine): number => machine.metrics().devices[0]?.queues?.[0]?.popped ?? 0;

describeWhere([kvmDevice], 'a freestanding guest on our machine', () => {
  it('speaks on the serial port, in long mode', async () => {
    const output = new PassThrough();
    const { end, metrics } = await run({ kernel: await sayingKernel('hello\n'), serial: { output } });
    expect([end, String(output.read()).slice(0, 6)]).toEqual([OK, 'hello\n']);
    const { serial, ports } = metrics.regions;
    expect(serial).toMatchObject({ reads: 0, latency: { count: serial?.writes } });
    expect(serial?.writes).toBeGreaterThanOrEqual(6);
    expect(metrics.exits.KVM_EXIT_IO).toBe((ports?.reads ?? 0) + (ports?.writes ?? 0));
    expect(metrics.kvm[0]?.io_exits ?? metrics.exits.KVM_EXIT_IO).toBeGreaterThanOrEqual(7);
  });

  it('times port accesses that no device takes, in protected mode', async () => {
    const block = { kind: 'pio-read', width: 4, address: 0, count: 50, samples: 0x1_8000 } as const;
    const prepare = (memory: Uint8Array): void => writeBenchParameters(memory, PARAMETERS, block);
    const kernel = write(await guestKernel({ name: 'bench', mode: 'protected', prepare, parameters: PARAMETERS }));
    const { end, metrics } = await run({ kernel });
    expect(end).toEqual(OK);
    expect(metrics.exits.KVM_EXIT_IO).toBeGreaterThanOrEqual(51);
  });

  it.each(['long', 'protected'] as const)('makes pseudo-random accesses to PCI memory, in %s mode', async (mode) => {
    const block = { seed: 3, count: 50, vcpu: 0, vcpus: 1, bases: [0xd000_0000], registers: 4, barrier: 0x1_8000 };
    const prepare = (memory: Uint8Array): void => writeStressParameters(memory, PARAMETERS, block);
    const kernel = write(await guestKernel({ name: 'stress', mode, prepare, parameters: PARAMETERS }));
    const { end, metrics } = await run({ kernel });
    expect(end).toEqual(OK);
    expect(metrics.exits.KVM_EXIT_MMIO).toBeGreaterThanOrEqual(50);
  });

  function expectDisk(path: string, metrics: MachineMetrics): void {
    expectPattern(path);
    expect(metrics.regions['pci slot 1']?.latency?.count).toBeGreaterThan(20);
    expect(metrics.devices).toMatchObject([{ slot: 1 }]);
  }

  it.each(['inline', 'thread', 'process'] as const)('writes to a disk that is %s, which counts', async (attach) => {
    const path = emptyDisk(2 ** 20);
    const { end, metrics } = await run({ kernel: await diskKernel(REQUESTS), disks: [{ path, attach }] });
    expect(end).toEqual(OK);
    expectDisk(path, metrics);
    const [queue] = metrics.devices[0]!.queues!;
    expect(queue).toMatchObject({ repeatedCompletions: 0, lateCompletions: 0 });
    for (const count of [queue!.popped, queue!.completed]) expect(count).toBeGreaterThanOrEqual(2 * REQUESTS + 1);
    expect(Math.min(queue!.kicks, queue!.calls)).toBeGreaterThan(0);
    console.log(
      `disk ${attach}: the VMM has ${(metrics.vmmBytes / 2 ** 20).toFixed(0)} MiB, started in ${metrics.startMs.toFixed(0)} ms`,
    );
  });

  it('writes to a disk behind a vhost-user backend', async () => {
    const path = emptyDisk(2 ** 20);
    const socket = join(directory, 'backend');
    const backend = BackendServer.listen(socket, { device: BlockDevice.open({ path }) });
    const disks: DiskDescription[] = [{ path, attach: `vhost-user:${socket}` }];
    const { end, metrics } = await run({ kernel: await diskKernel(REQUESTS), disks });
    await backend.close();
    expect(end).toEqual(OK);
    expectDisk(path, metrics);
  });

  it('runs beside another one in the same process, which shares nothing with it', async () => {
    const paths = [emptyDisk(2 ** 20), emptyDisk(2 ** 20)];
    const kernel = await diskKernel(REQUESTS);
    const ends = await Promise.all(paths.map((path) => run({ kernel, disks: [{ path, attach: 'thread' }] })));
    expect(ends.map(({ end }) => end)).toEqual([OK, OK]);
    for (const [index, path] of paths.entries()) expectDisk(path, ends[index]!.metrics);
  });

  it('runs under `ioregion run`, whose metrics are in a file, and hands on its status', async () => {
    const path = emptyDisk(2 ** 20);
    const metrics = join(directory, 'metrics.json');
    const args = ['run', '--kernel', await diskKernel(REQUESTS), '--memory', '32M', '--console', 'none'];
    const child = new NodeProcess(PROGRAM, [...args, '--disk', path, '--metrics', metrics], WAITING);
    expect(await child.exited).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expectDisk(path, JSON.parse(readFileSync(metrics, 'utf8')) as MachineMetrics);
  });
});

const WAITING = { timeoutMs: 120_000 * PATIENCE };
/** Of tests that start several processes, which load modules for long on an emulated CPU. */
const SLOW = 60_000 * PATIENCE;

/** A machine whose guest writes without end, to a disk in another process. */
async function busyMachine(policy: NonNullable<DiskDescription['policy']>) {
  const failures: Error[] = [];
  const machine = new VirtualMachine({
    kernel: await diskKernel(ENDLESS),
    memory: MEMORY,
    disks: [{ path: emptyDisk(2 ** 31), attach: 'process', policy }],
  });
  machine.on('failure', (failure) => void failures.push(failure));
  await machine.start({ signal: AbortSignal.timeout(120_000 * PATIENCE) });
  await vi.waitFor(() => expect(popped(machine)).toBeGreaterThan(20), WAIT);
  const [device] = deviceProcesses();
  return { machine, failures, pid: device!.pid };
}

const GONE = { code: 'ERR_IOREGION_DEVICE_PROCESS' };

describeWhere([kvmDevice], 'a device process that is killed under load', () => {
  it(
    'leaves the guest without its device, and tells, where the policy is all-ones',
    async () => {
      const { machine, failures, pid } = await busyMachine('all-ones');
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(failures).toMatchObject([GONE]), WAIT);
      expect(machine.state).toBe('running');
      await machine.stop();
      expect([await machine.ended, deviceProcesses()]).toEqual([{ reason: 'stopped' }, []]);
    },
    SLOW,
  );

  it(
    'ends the machine with the failure where the policy is stop',
    async () => {
      const { machine, failures, pid } = await busyMachine('stop');
      process.kill(pid, 'SIGKILL');
      expect(await machine.ended).toMatchObject({ reason: 'failed', error: GONE });
      expect([machine.state, failures, deviceProcesses()]).toEqual(['off', [], []]);
    },
    SLOW,
  );

  it(
    'gives the guest a power cycle and a new process where the policy is restart',
    async () => {
      const { machine, failures, pid } = await busyMachine('restart');
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(failures).toMatchObject([GONE]), WAIT);
      await vi.waitFor(() => {
        expect(deviceProcesses().filter((device) => device.pid !== pid)).toHaveLength(1);
        expect([machine.state, popped(machine) > 20]).toEqual(['running', true]);
      }, WAIT);
      await machine.stop();
      expect(deviceProcesses()).toEqual([]);
    },
    SLOW,
  );
});

describeWhere([kvmDevice, tapDevices], 'a VMM that is killed', () => {
  it(
    'leaves no process, no socket and no TAP device behind',
    async () => {
      const sockets = () => readdirSync(tmpdir()).filter((name) => name.startsWith('ioregion-device-'));
      const before = sockets();
      const disk = `${emptyDisk(2 ** 20)},attach=process`;
      const args = ['run', '--kernel', await sayingKernel('up\n', true), '--memory', '32M'];
      const vmm = new NodeProcess(PROGRAM, [...args, '--disk', disk, '--net', 'tap=ioleft0,attach=process'], WAITING);
      await vmm.printed('up');
      /* The guest speaks before its devices are there. */
      const there = () => [childProcesses(vmm.pid).length, existsSync('/sys/class/net/ioleft0')];
      await vi.waitFor(() => expect(there()).toEqual([2, true]), WAIT);
      const devices = childProcesses(vmm.pid);
      await vmm.kill('SIGKILL');
      await vi.waitFor(() => expect(devices.filter(({ pid }) => isRunning(pid))).toEqual([]), WAIT);
      expect([existsSync('/sys/class/net/ioleft0'), sockets()]).toEqual([false, before]);
    },
    SLOW,
  );
});
