/**
 * One process of bench/start/machine.ts where there is no /dev/kvm: everything that `ioregion run` does with four disks up to the
 * first entry into its guest, but KVM's part. Prints what it took as JSON.
 */
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import { registerRun } from '../../src/cli/run.js';
import { GuestMemory } from '../../src/memory/index.js';
import { entryFile } from '../../src/native/entry-file.js';
import { memoryUse } from '../../src/vmm/metrics/process-memory.js';
import { MACHINE_MEMORY } from './machine-memory.js';

/** The same modules, threads, files and devices; the Worker is that of the vCPU. */
async function startParts(paths: readonly string[]): Promise<void> {
  registerRun(new Command());
  await import('../../src/cli/run-machine.js');
  const workerData = { paths, memory: GuestMemory.create(MACHINE_MEMORY).share() };
  const worker = new Worker(entryFile(new URL('./machine-board.js', import.meta.url)), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 3 },
  });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}

async function main(): Promise<void> {
  await startParts(process.argv.slice(2));
  const ms = performance.now();
  const { user, system } = process.cpuUsage();
  process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1000, bytes: memoryUse().vmmBytes }));
  process.exit();
}

void main();
