/** A virtio device of a machine as plain data: its module, its shape, and where it is to run. */
import type { DeviceModule } from '../../ioregion/server/device-module.js';

/**
 * `inline`: registers on the board's thread. `thread`: on a thread of their own. `process`: in another process. The
 * queues have a Worker of their own each time, and kicks are ioeventfds. `vhost-user:` and the path of a socket: the queues
 * are served by the backend there, and options of the device are the backend's business.
 */
export type Attach = 'inline' | 'thread' | 'process' | `vhost-user:${string}`;

export const VHOST_USER = 'vhost-user:';

export function isAttach(text: string): text is Attach {
  if (text.startsWith(VHOST_USER)) return text.length > VHOST_USER.length;
  return text === 'inline' || text === 'thread' || text === 'process';
}

/**
 * What becomes of a machine whose device is gone, because its process was killed or its thread died, or because an access to its
 * registers has waited for its process for 30 s (the process is killed then). `all-ones` (the default): the guest goes on without it,
 * registers read as all ones. `stop`: the machine ends with the failure. `restart`: a power cycle, with a new process. (Reconnecting
 * takes a device without state, which virtio devices are not.)
 */
export type DevicePolicy = 'all-ones' | 'stop' | 'restart';

export const DEVICE_POLICIES = ['all-ones', 'stop', 'restart'] as const satisfies readonly DevicePolicy[];

/** Where a device runs, and how its threads do. The defaults suit a small host. */
export interface Placement {
  /** What the device is called when it is unplugged, and in events; no other may have it. Default: its name, like `blk disk.img`. */
  readonly id?: string;
  /** Default `inline`. */
  readonly attach?: Attach;
  /** The host CPUs of its threads: that of the queues, and that of the registers where it is not the board's. Default: any. */
  readonly cpus?: readonly number[];
  /** Placements `thread` and `process`: the longest busy wait for the next register access, ns. Default 0: none. */
  readonly spinNs?: number;
  /** Placements `thread` and `process`. Default `all-ones`. */
  readonly policy?: DevicePolicy;
}

export interface DeviceSpec extends Placement {
  /** For messages. */
  readonly name: string;
  /** Its default export makes the device. */
  readonly device: DeviceModule;
  /** Number of queues. */
  readonly queues: number;
  /** Bytes of device configuration space. */
  readonly configLength: number;
  readonly attach: Attach;
  /** Its code is ours: its process gets no more of the environment than that needs. */
  readonly isBuiltIn?: true;
  /** Virtio device ID, where it is known: a guest that looks for the device at its start need not wait for it then. */
  readonly deviceType?: number;
  /** A vhost-user backend may serve it. */
  readonly hasBackends?: true;
  /** Throws what the device would, on the machine's own thread. */
  readonly check?: () => Promise<void>;
}

/** A device of your own: a module whose default export makes a VirtioDevice. */
export interface CustomDeviceOptions extends Placement {
  readonly name?: string;
  readonly device: DeviceModule;
  readonly queues: number;
  readonly configLength: number;
  /** Virtio device ID. With it a guest that looks for the device at its start does not wait for the module. */
  readonly deviceType?: number;
}
