/** `ioregion bench …`: its options. What they run is loaded only when it is asked for. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PLACEMENT_MODES } from '../../bench/mmio/placement.js';
import { isPathName, PATHS, type PathName } from '../../bench/mmio/row.js';
import type { BenchBlkOptions } from './bench-blk.js';
import type { BenchKickOptions } from './bench-kick.js';
import type { BenchMmioOptions } from './bench-mmio.js';
import type { BenchQueueOptions } from './bench-queue.js';
import type { BenchVhostUserOptions } from './bench-vhost-user.js';

/** Measured seconds of each pair: the whole run of eleven pairs takes a little more than a minute. */
const DEFAULT_SECONDS = 6;
const MOST_SECONDS = 3600;
/** Slots of a quarter of a second each. */
const DEFAULT_ROUNDS = 9;
const DEFAULT_SLOT_MS = 250;
/** Eight rows of three servers: a minute in all. */
const VHOST_USER_ROUNDS = 7;
const MOST_ROUNDS = 1000;
const DEFAULT_REPORT = 'report/mmio.html';

export function registerBench(program: Command): void {
  const bench = program.command('bench').description('measure ioregion on this host');
  bench
    .command('mmio')
    .description('latency of MMIO accesses by path, in JavaScript and in C, interleaved')
    .option('--json <file>', 'also write the result as JSON')
    .option('--html <file>', 'where the report goes', DEFAULT_REPORT)
    .option('--seconds <n>', 'measured time of each pair of rows', parseSeconds, DEFAULT_SECONDS)
    .addOption(
      new Option('--placement <mode>', 'vCPU and device on one CPU (same), on two (split), or as suits the path (auto)')
        .choices(PLACEMENT_MODES)
        .default('auto'),
    )
    .option('--rows <paths>', `comma-separated paths, of: ${PATHS.join(', ')}`, parseRows)
    .action(async (options: BenchMmioOptions) => {
      const { benchMmio } = await import('./bench-mmio.js');
      await benchMmio(options);
    });
  bench
    .command('blk')
    .description('random reads per second through the block device, and in C, interleaved')
    .option('--json <file>', 'also write the result as JSON')
    .option('--rounds <n>', 'slots of each language per row', parseRounds, DEFAULT_ROUNDS)
    .action(async (options: BenchBlkOptions) => {
      const { benchBlk } = await import('./bench-blk.js');
      await benchBlk(options);
    });
  bench
    .command('kick')
    .description('what a kick of a virtqueue costs the guest: ioeventfd against register access')
    .option('--json <file>', 'also write the result as JSON')
    .option('--rounds <n>', 'batches of 5000 kicks per row', parseRounds, DEFAULT_ROUNDS)
    .action(async (options: BenchKickOptions) => {
      const { benchKick } = await import('./bench-kick.js');
      await benchKick(options);
    });
  bench
    .command('queue')
    .description('time of a descriptor chain in the virtqueue engine, and in C, interleaved')
    .option('--json <file>', 'also write the result as JSON')
    .option('--rounds <n>', 'slots of each language per row', parseRounds, DEFAULT_ROUNDS)
    .action(async (options: BenchQueueOptions) => {
      const { benchQueue } = await import('./bench-queue.js');
      await benchQueue(options);
    });
  bench
    .command('vhost-user')
    .description('a disk served over vhost-user: this package, plain C and qemu-storage-daemon, interleaved')
    .option('--json <file>', 'also write the result as JSON')
    .option('--rounds <n>', 'slots of each server per row', parseRounds, VHOST_USER_ROUNDS)
    .option('--ms <n>', 'length of a slot', parseRounds, DEFAULT_SLOT_MS)
    .addOption(
      new Option('--client <name>', 'who asks: a C program of ours, or libblkio, which is fetched')
        .choices(['own', 'libblkio'])
        .default('own'),
    )
    .action(async (options: BenchVhostUserOptions) => {
      const { benchVhostUser } = await import('./bench-vhost-user.js');
      await benchVhostUser(options);
    });
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= MOST_ROUNDS) return rounds;
  throw new InvalidArgumentError(`It must be an integer from 1 to ${MOST_ROUNDS}.`);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= MOST_SECONDS)) {
    throw new InvalidArgumentError(`It must be a number of seconds above 0, at most ${MOST_SECONDS}.`);
  }
  return seconds;
}

function parseRows(text: string): PathName[] {
  return text.split(',').map((name) => {
    if (!isPathName(name)) throw new InvalidArgumentError(`There is no path "${name}"; there are ${PATHS.join(', ')}.`);
    return name;
  });
}
