/** `ioregion serve`: a device for another VMM, over vhost-user. What it runs is loaded only when it is asked for. */
import type { Command } from 'commander';

interface BlkOptions {
  readonly socket: string;
  readonly image: string;
}

export function registerServe(program: Command): void {
  const serve = program.command('serve').description('serve a device to another VMM over vhost-user');
  serve
    .command('blk')
    .description('a disk')
    .requiredOption('--socket <path>', 'where the VMM connects')
    .requiredOption('--image <file>', 'a raw image, or a block device')
    .action(async ({ socket, image }: BlkOptions) => {
      const { serveVhostUser } = await import('./serve-vhost-user.js');
      const { BlockDevice } = await import('../virtio/devices/blk/index.js');
      await serveVhostUser(socket, BlockDevice.open({ path: image }));
    });
}
