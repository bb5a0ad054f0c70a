/** Serves a device at a socket until a signal asks for the end. */
import { once } from 'node:events';
import { BackendServer } from '../vhost-user/backend/index.js';
import type { VirtioDevice } from '../virtio/device.js';

export async function serveVhostUser(path: string, device: VirtioDevice): Promise<void> {
  const log = (message: string) => console.error(`ioregion: ${message}`);
  const server = BackendServer.listen(path, { device, log });
  log(`serving at ${path}`);
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  await server.close();
}
