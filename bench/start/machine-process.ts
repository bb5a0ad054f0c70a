/**
 * One process of bench/start/machine.ts: a machine with four disks from nothing to the first entry into its guest, or, where
 * there is no /dev/kvm, everything of that but KVM. Prints what it took as JSON.
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const DISKS = 4;
const MEMORY = 64 * 2 ** 20;
const DISK_BYTES = 2 ** 20;

const [kind = 'parts', kernel = ''] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'ioregion-start-'));
const paths = Array.from({ length: DISKS }, (_, index) => join(directory, `disk-${index}.img`));
for (const path of paths) {
  writeFileSync(path, '');
  truncateSync(path, DISK_BYTES);
}

/** Since the start of this process. */
async function startMachine(): Promise<number> {
  const { VirtualMachine } = await import('../../src/vmm/index.js');
  const machine = new VirtualMachine({ kernel, memory: MEMORY, disks: paths.map((path) => ({ path })) });
  await machine.start();
  return performance.now();
}

/** The same modules, threads, files and devices; the Worker is that of the vCPU. */
async function startParts(): Promise<number> {
  await import('../../src/vmm/index.js');
  const { GuestMemory } = await import('../../src/memory/index.js');
  const workerData = { paths, memory: GuestMemory.create(MEMORY).share() };
  const worker = new Worker(new URL('./machine-board.js', import.meta.url), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 3 },
  });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return performance.now();
}

const ms = await (kind === 'machine' ? startMachine() : startParts());
const { user, system } = process.cpuUsage();
const { memoryUse } = await import('../../src/vmm/metrics/process-memory.js');
process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1000, bytes: memoryUse().vmmBytes }));
rmSync(directory, { recursive: true });
process.exit();
