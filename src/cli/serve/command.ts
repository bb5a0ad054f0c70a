/** `ioregion serve …`: the devices it knows, and any other as a module. What they run is loaded only when it is asked for. */
import type { Command } from 'commander';
import { addBlk } from './commands/blk.js';
import { addConsole } from './commands/console.js';
import { addModule } from './commands/module.js';
import { addNet } from './commands/net.js';
import { addRng } from './commands/rng.js';

const EXAMPLE = `
Serve a disk, and use it in QEMU (memory must be shared):
  ioregion serve blk --socket /tmp/blk.sock --image disk.img
  qemu-system-x86_64 -m 1G -object memory-backend-memfd,id=mem,size=1G,share=on -machine q35,memory-backend=mem \\
    -chardev socket,id=disk,path=/tmp/blk.sock,reconnect=1 -device vhost-user-blk-pci,chardev=disk …

SIGTERM and SIGINT finish what is under way and end the server; SIGHUP has it look at the size of its image again.`;

export function registerServe(program: Command): void {
  const serve = program
    .command('serve')
    .description('serve a virtio device over vhost-user: QEMU and other VMMs use it like one of their own')
    .addHelpText('after', EXAMPLE);
  for (const add of [addBlk, addNet, addConsole, addRng, addModule]) add(serve);
}
