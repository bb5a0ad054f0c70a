/**
 * The freestanding guests as kernels of our machine, and what their devices count. A guest starts over when it has ended, until
 * its machine is off: counts are at least what one run makes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BackendServer } from 'ioregion/vhost-user';
import { type DiskDescription, type MachineDescription, type MachineMetrics, VirtualMachine } from 'ioregion/vmm';
import { expect, it } from 'vitest';
import {
  guestKernel,
  LAYOUT,
  pioWrite,
  writeBenchParameters,
  writeOplist,
  writeStressParameters,
} from '#dist/guests/index.js';
import { BlockDevice } from '#dist/src/virtio/devices/blk/index.js';
import { hasPattern, writeDiskKernel, writeEmptyDisk } from '#dist/test/support/disk-guest.js';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess } from '../support/processes.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { temporaryDirectory } from '../support/temporary.js';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const MEMORY = 32 * 2 ** 20;
const PARAMETERS = LAYOUT.GUEST_FREE;
const REQUESTS = 20;
const OK = { reason: 'debug-exit', code: LAYOUT.GUEST_STATUS_OK };

const directory = temporaryDirectory();
let files = 0;

function write(bytes: Uint8Array): string {
  const path = join(directory, `kernel-${files++}`);
  writeFileSync(path, bytes);
  return path;
}

const emptyDisk = (): string => writeEmptyDisk(join(directory, `disk-${files++}.img`), 2 ** 20);
const diskKernel = (): Promise<string> => writeDiskKernel(join(directory, `kernel-${files++}`), { requests: REQUESTS });

/** Says `text` on the serial port, then ends. */
async function sayingKernel(text: string): Promise<string> {
  const ops = [...text].map((one) => pioWrite(0x3f8, 1, one.charCodeAt(0)));
  const prepare = (memory: Uint8Array): void => void writeOplist(memory, PARAMETERS, ops);
  return write(await guestKernel({ name: 'oplist', mode: 'long', prepare, parameters: PARAMETERS }));
}

async function run(description: MachineDescription) {
  const machine = new VirtualMachine({ memory: MEMORY, ...description });
  await machine.start({ signal: AbortSignal.timeout(60_000 * PATIENCE) });
  return { end: await machine.ended, metrics: machine.metrics() };
}

describeWhere([kvmDevice], 'a freestanding guest on our machine', () => {
  it('speaks on the serial port, in long mode', async () => {
    const output = new PassThrough();
    const { end, metrics } = await run({ kernel: await sayingKernel('hello\n'), serial: { output } });
    expect([end, String(output.read()).slice(0, 6)]).toEqual([OK, 'hello\n']);
    const { serial, ports } = metrics.regions;
    expect(serial).toMatchObject({ reads: 0, latency: { count: serial?.writes } });
    expect(serial?.writes).toBeGreaterThanOrEqual(6);
    expect(metrics.exits.KVM_EXIT_IO).toBe((ports?.reads ?? 0) + (ports?.writes ?? 0));
    const { io_exits = 0, exits = metrics.exits.KVM_EXIT_IO } = metrics.kvm[0] ?? {};
    expect(io_exits || exits /* a KVM that emulates the guest's code counts no io_exits */).toBeGreaterThanOrEqual(7);
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
    expect(hasPattern(path, REQUESTS)).toBe(true);
    expect(metrics.regions['pci slot 1']?.latency?.count).toBeGreaterThan(20);
    expect(metrics.devices).toMatchObject([{ slot: 1 }]);
  }

  it.each(['inline', 'thread', 'process'] as const)('writes to a disk that is %s, which counts', async (attach) => {
    const path = emptyDisk();
    const { end, metrics } = await run({ kernel: await diskKernel(), disks: [{ path, attach }] });
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
    const path = emptyDisk();
    const socket = join(directory, 'backend');
    const backend = BackendServer.listen(socket, { device: BlockDevice.open({ path }) });
    const disks: DiskDescription[] = [{ path, attach: `vhost-user:${socket}` }];
    const { end, metrics } = await run({ kernel: await diskKernel(), disks });
    await backend.close();
    expect(end).toEqual(OK);
    expectDisk(path, metrics);
  });

  it('runs beside another one in the same process, which shares nothing with it', async () => {
    const paths = [emptyDisk(), emptyDisk()];
    const kernel = await diskKernel();
    const ends = await Promise.all(paths.map((path) => run({ kernel, disks: [{ path, attach: 'thread' }] })));
    expect(ends.map(({ end }) => end)).toEqual([OK, OK]);
    for (const [index, path] of paths.entries()) expectDisk(path, ends[index]!.metrics);
  });

  it('runs under `ioregion run`, whose metrics are in a file, and hands on its status', async () => {
    const path = emptyDisk();
    const metrics = join(directory, 'metrics.json');
    const args = ['run', '--kernel', await diskKernel(), '--memory', '32M', '--console', 'none'];
    const child = new NodeProcess(PROGRAM, [...args, '--disk', path, '--metrics', metrics], {
      timeoutMs: 120_000 * PATIENCE,
    });
    expect(await child.exited).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expectDisk(path, JSON.parse(readFileSync(metrics, 'utf8')) as MachineMetrics);
  });
});
