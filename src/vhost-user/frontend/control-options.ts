/** How a device of our VMM finds its backend. */
import type { GuestMemory } from '../../memory/index.js';
import type { DeviceLog } from '../../virtio/index.js';
import type { Translator } from './iotlb.js';

/** Plain data: it survives structured cloning to a Worker. */
export interface BackendOptions {
  /** Path of the backend's socket. */
  readonly path: string;
  /** Device ID (virtio 5): the protocol does not say what a backend is. */
  readonly deviceType: number;
  /** Queues to use. Default: what a device of this type needs; never more than the backend has. */
  readonly queues?: number;
  /** Largest size of each queue, a power of two. Default 256. */
  readonly queueSize?: number;
  /** Bytes of configuration space. Default: the most that is known of a device of this type and that the backend has. */
  readonly configBytes?: number;
  /** Configuration space of a device whose backend has none (CONFIG), as of a network device. Default: empty. */
  readonly config?: Uint8Array;
  /** Device features that the VMM provides itself, like VIRTIO_NET_F_MAC with such a `config`. Default: none. */
  readonly addedFeatures?: bigint;
  /** Features of the backend not to offer to the driver. Default: none. */
  readonly withheldFeatures?: bigint;
  /** Protocol features not to use. Default: none. */
  readonly withheldProtocolFeatures?: bigint;
  /** Offers VIRTIO_F_ACCESS_PLATFORM where the backend has it: addresses are translated on demand. Default false. */
  readonly accessPlatform?: boolean;
  /** Kicks and calls by message instead of eventfds. Default false. */
  readonly inband?: boolean;
  /** NET_SET_MTU for a backend that has it. Default: not sent. */
  readonly mtu?: number;
  /** What the backend gets for each answer, ms. Default 10 000. */
  readonly replyMs?: number;
  /** Between attempts to reach a backend that has ended, ms. Default 100. */
  readonly retryMs?: number;
  /** What was in flight when a backend without INFLIGHT_SHMFD died may be lost. Default: of network devices only. */
  readonly lossy?: boolean;
}

export interface VhostUserControlOptions extends BackendOptions {
  /** Of memfds; open until the control is closed. */
  readonly memory: GuestMemory;
  /** Default: addresses of the device are guest addresses. */
  readonly translator?: Translator;
  /** What there is to say about the backend. Default: nowhere. */
  readonly log?: DeviceLog;
}

export const DEFAULT_QUEUE_SIZE = 256;
export const DEFAULT_REPLY_MS = 10_000;
export const DEFAULT_RETRY_MS = 100;
