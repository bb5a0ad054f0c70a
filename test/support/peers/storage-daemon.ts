/** qemu-storage-daemon as a vhost-user backend: what a frontend under test is known to work with. */
import { existsSync } from 'node:fs';
import { program, type Requirement } from '../requirements.js';
import { PeerProcess } from './peer-process.js';
import { until } from './until.js';

const DAEMON = 'qemu-storage-daemon';

export const storageDaemon: Requirement = program(DAEMON);

export interface StorageDaemonOptions {
  readonly socket: string;
  readonly image: string;
  readonly queues?: number;
}

/** Resolves once it accepts. */
export async function startStorageDaemon({ socket, image, queues = 1 }: StorageDaemonOptions): Promise<PeerProcess> {
  const daemon = new PeerProcess(DAEMON, [
    ...['--blockdev', `driver=file,node-name=disk,filename=${image},aio=threads,discard=unmap`],
    '--export',
    `type=vhost-user-blk,id=disk,node-name=disk,writable=on,addr.type=unix,addr.path=${socket},num-queues=${queues}`,
  ]);
  await until(() => existsSync(socket));
  return daemon;
}
