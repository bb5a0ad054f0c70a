/** The bench device on a region server thread. */
import { RegionServerThread } from '../../../src/ioregion/index.js';
import { type Fd, socketpair } from '../../../src/native/index.js';
import type { Cleanup } from '../cleanup.js';

const DEVICE = { module: new URL('../bench-device.js', import.meta.url).href };

/** Starts it on `cpu`; returns the VMM's end of its SEQPACKET channel. */
export async function startDeviceThread(cpu: number, cleanup: Cleanup): Promise<Fd> {
  const [ours, theirs] = socketpair('seqpacket');
  cleanup.use(ours);
  cleanup.use(theirs);
  const regions = [{ device: DEVICE }];
  cleanup.use(await RegionServerThread.start({ readFd: theirs, writeFd: theirs, regions, cpus: [cpu] }));
  return ours;
}
