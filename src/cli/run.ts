/** `ioregion run`: boots a kernel. What it runs is loaded only when it is asked for. */
import { type Command, Option } from 'commander';
import type { VcpuThread } from '../kvm/vcpu/vcpu-thread.js';
import type { RunMachineOptions } from './run-machine.js';
import { parseCount, parseDisk, parseMemory, parseNet, parsePin, parsePlacement } from './run-options.js';

const PLACEMENT_HELP = `
Where a device runs (--disk img,attach=thread and --net tap=t0,attach=thread; --rng thread):
  attach=inline           registers on the vCPU's thread (the default; with several vCPUs on one that they share)
  attach=thread           registers on a thread of their own
  attach=process          registers and queues in another process
  attach=vhost-user:PATH  queues in the backend that listens at PATH: ioregion serve, or another one (disks)
The queues have a thread of their own each time. More settings:
  cpus=LIST               host CPUs of the device's threads, like 3 or 0-1 or 0+2; default: any
  spin=US                 thread and process: longest busy wait for a register access, µs; default 0, for small hosts
  id=NAME                 what the device is called on the control socket; default: like "blk disk.img"
  policy=WHAT             thread and process: what a device leaves that has died, or has not answered for 30 s: all-ones (the
                          default: the guest goes on without it), stop (the machine ends with the failure) or restart (a power cycle)

The control socket takes a line of JSON at a time and answers with one: {"ok": …} or {"error": {"code": …, "message": …}}
  {"plug": "disk=PATH,…"}    puts a device in; also net=TAP,… and rng=WHERE,…, with the settings above
  {"unplug": "ID"}           asks the guest to let go of it; answered when it is gone
  {"query": null}            state and devices; {"query": "metrics"}: all that is counted
  {"snapshot": "DIRECTORY"}  saves the machine, which goes on
  "pause", "resume", "reset", "power-button", "stop"
From a shell: ioregion control PATH plug disk=data.img,attach=thread,id=data
`;

/** `thread` is for the machine's first vCPU. */
export function registerRun(program: Command, thread: VcpuThread): void {
  program
    .command('run')
    .description('boot a kernel in a virtual machine, until it powers off; Ctrl-A x ends it from a terminal')
    .option('--kernel <file>', 'bzImage, or ELF vmlinux with a PVH entry')
    .option('--initrd <file>', 'initrd or initramfs')
    .option('--append <text>', 'added to the command line')
    .option('--command-line <text>', 'the whole command line')
    .option('--memory <size>', 'like 512M or 2G; default 256M', parseMemory)
    .option('--cpus <n>', 'number of vCPUs; default 1', parseCount)
    .option('--pin <vcpu=cpus>', 'host CPUs of a vCPU, like 0=1 or 1=2-3; repeatable', parsePin)
    .option('--disk <path[,readonly][,queues=n]>', 'a raw image or block device; repeatable', parseDisk)
    .option('--net <tap=name[,mac=address]>', 'a network device; repeatable', parseNet)
    .option('--rng <where>', 'a source of random numbers, placed there', parsePlacement)
    .addOption(new Option('--console <where>', 'the serial console').choices(['stdio', 'none']).default('stdio'))
    .addOption(new Option('--on-reset <what>', 'when the guest reboots').choices(['end', 'restart']).default('end'))
    .option('--snapshot-to <directory>', 'on SIGUSR2 save the machine there and end')
    .option('--restore <directory>', 'go on with a machine that was saved; name the same devices')
    .option('--control <path>', 'a socket, for this user only, that takes commands while the machine runs: see below')
    .option('--metrics <target>', 'JSON: a file to write every second, or unix:PATH, answered to whoever connects')
    .addHelpText('after', PLACEMENT_HELP)
    .action(async (options: RunMachineOptions, command: Command) => {
      if (options.kernel === undefined && options.restore === undefined)
        command.error("error: required option '--kernel <file>' not specified");
      const { runMachine } = await import('./run-machine.js');
      process.exitCode = await runMachine(options, thread);
    });
}
