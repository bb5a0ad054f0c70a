/**
 * A virtio device to copy: it sends back what it is sent, last byte first. The same file serves a guest inside the VMM, on a
 * region server's thread, in another process, and over vhost-user; README.md says how.
 */
import type { DeviceHost, VirtioDevice, VirtQueue } from 'ioregion/virtio';

const LONGEST = 4096;
/** Before other work of the thread has its turn. */
const CHAINS_PER_KICK = 64;

export default function createReverser(): VirtioDevice {
  let host: DeviceHost;
  let queue: VirtQueue;
  return {
    deviceType: 63, // of no standard device
    features: 0n,
    queueSizes: [256],
    config: { bytes: new Uint8Array(0) },
    activate(_features, given) {
      host = given;
    },
    startQueue(_index, started) {
      queue = started;
    },
    kick() {
      for (let count = 0; count < CHAINS_PER_KICK; count++) {
        const chain = queue.pop();
        if (chain === null) return queue.flush();
        const bytes = new Uint8Array(Math.min(chain.readable.byteLength, LONGEST));
        chain.readable.copyTo(bytes);
        chain.complete(chain.writable.copyFrom(bytes.reverse()));
      }
      queue.flush();
      host.kickLater(0);
    },
    stopQueue() {}, // nothing is in flight between kicks
  };
}
