/** A region and the thread that serves it, set up in one step. */
import { socketpair } from '../../native/index.js';
import type { Dispatcher, Region } from '../dispatcher/dispatcher.js';
import type { RegionOptions } from '../dispatcher/region.js';
import type { DeviceModule } from './device-module.js';
import { RegionServerThread, type RegionServerThreadOptions } from './region-server-thread.js';

/** The fds are made here, and the peer is this process. */
export type ThreadRegionOptions = Omit<RegionOptions, 'readFd' | 'writeFd' | 'trustedPeer'>;
export type ThreadOptions = Omit<RegionServerThreadOptions, 'readFd' | 'writeFd' | 'regions'>;

export interface ServedOnThread {
  readonly region: Region;
  readonly server: RegionServerThread;
  /** Removes the region, then ends the thread. Idempotent. */
  close(): Promise<void>;
}

/**
 * Adds a region to the dispatcher and starts a Worker that serves it with the device of a module.
 * @throws what `addRegion` and `RegionServerThread.start` throw; nothing is left open then
 */
export async function serveOnThread(
  dispatcher: Dispatcher,
  options: ThreadRegionOptions,
  device: DeviceModule,
  thread: ThreadOptions = {},
): Promise<ServedOnThread> {
  const [vmmEnd, deviceEnd] = socketpair('seqpacket');
  try {
    const region = dispatcher.addRegion({ ...options, readFd: vmmEnd, writeFd: vmmEnd, trustedPeer: true });
    const regions = region.routes.map((route) => ({ ...route, device }));
    const server = await start({ ...thread, readFd: deviceEnd, writeFd: deviceEnd, regions }, region);
    return { region, server, close: () => close(region, server) };
  } finally {
    vmmEnd.close();
    deviceEnd.close();
  }
}

async function start(options: RegionServerThreadOptions, region: Region): Promise<RegionServerThread> {
  try {
    return await RegionServerThread.start(options);
  } catch (error) {
    region.remove();
    throw error;
  }
}

async function close(region: Region, server: RegionServerThread): Promise<void> {
  region.remove();
  await server.close();
}
