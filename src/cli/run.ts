/** `ioregion run`: boots a kernel. What it runs is loaded only when it is asked for. */
import { type Command, Option } from 'commander';
import type { RunMachineOptions } from './run-machine.js';
import { parseAttach, parseCount, parseDisk, parseMemory, parseNet } from './run-options.js';

export function registerRun(program: Command): void {
  program
    .command('run')
    .description('boot a kernel in a virtual machine, until it powers off; Ctrl-A x ends it from a terminal')
    .requiredOption('--kernel <file>', 'bzImage, or ELF vmlinux with a PVH entry')
    .option('--initrd <file>', 'initrd or initramfs')
    .option('--append <text>', 'added to the command line')
    .option('--command-line <text>', 'the whole command line')
    .option('--memory <size>', 'like 512M or 2G', parseMemory)
    .option('--cpus <n>', 'number of vCPUs', parseCount)
    .option('--disk <path[,readonly][,queues=n][,attach=where]>', 'a raw image or block device; repeatable', parseDisk)
    .option('--net <tap=name[,mac=address][,attach=where]>', 'a network device; repeatable', parseNet)
    .option('--rng <where>', 'a source of random numbers: inline, thread or process', parseAttach)
    .addOption(new Option('--console <where>', 'the serial console').choices(['stdio', 'none']).default('stdio'))
    .addOption(new Option('--on-reset <what>', 'when the guest reboots').choices(['end', 'restart']).default('end'))
    .option('--metrics <file>', 'write counters as JSON when the machine has ended')
    .action(async (options: RunMachineOptions) => {
      const { runMachine } = await import('./run-machine.js');
      process.exitCode = await runMachine(options);
    });
}
