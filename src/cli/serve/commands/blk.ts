/** `ioregion serve blk`: a disk. */
import { type Command, Option } from 'commander';
import { addCommonOptions, type CommonOptions, parseInteger } from '../common-options.js';

/**
 * Drivers make requests as long as the disk says, in rings as long as the frontend says: QEMU makes them 128 descriptors long
 * unless told otherwise, and two of those are not data.
 */
const MOST_SEGMENTS = 126;

interface BlkOptions extends CommonOptions {
  readonly image: string;
  readonly readonly?: true;
  readonly incoming?: true;
  readonly queues: number;
  readonly queueSize: number;
  readonly cache: 'writeback' | 'writethrough';
  readonly discard: boolean;
  readonly id?: string;
  readonly blockSize?: number;
}

export function addBlk(serve: Command): void {
  const command = serve
    .command('blk')
    .description('a disk: a raw image file, or a block device')
    .requiredOption('--image <path>', 'the image; its size is the size of the disk')
    .option('--readonly', 'the guest can only read')
    .option('--incoming', 'the guest comes by live migration: lock the image when it runs here, not before')
    .option('--queues <n>', 'number of queues, 1 to 64', parseInteger(1, 64), 1)
    .option('--queue-size <n>', 'most requests of a queue: a power of two', parseInteger(4, 1024), 256)
    .addOption(
      new Option('--cache <mode>', 'writethrough: every write is on stable storage before it completes')
        .choices(['writeback', 'writethrough'])
        .default('writeback'),
    )
    .option('--no-discard', 'do not offer to make holes in the image')
    .option('--id <text>', 'serial number, at most 20 characters')
    .option('--block-size <bytes>', 'block size the guest should use: a power of two', parseInteger(512, 65536));
  addCommonOptions(command).action(async (options: BlkOptions) => {
    const [{ BlockDevice }, { serve: run }] = await Promise.all([
      import('../../../virtio/devices/blk/index.js'),
      import('../serve.js'),
    ]);
    await run(options, () => {
      const device = BlockDevice.open({ ...options, path: options.image, segMax: segMaxOf(options) });
      return [{ name: `disk ${options.image}`, device, hangUp: () => device.updateCapacity() }];
    });
  });
}

function segMaxOf({ queueSize }: BlkOptions): number {
  return Math.min(queueSize - 2, MOST_SEGMENTS);
}
