/** What a network device can be made with. */
import type { NetBackend } from './backend.js';
import { NetOptionError } from './errors.js';
import { parseMac, randomMac } from './mac-address.js';

export interface NetworkDeviceOptions {
  /** The device closes it. */
  readonly backend: NetBackend;
  /** Like `52:54:00:12:34:56`. Default: a random one, locally administered. */
  readonly mac?: string;
  /** The longest packet the driver should send, in bytes without the Ethernet header: 68 to 65535. Default: not said. */
  readonly mtu?: number;
  /** Largest size of the receive and transmit queues: a power of two, 4 to 1024. Default 256. */
  readonly queueSize?: number;
}

/** Plain data, for a device on another thread or in another process: a TAP device is the network. */
export interface TapDeviceOptions extends Omit<NetworkDeviceOptions, 'backend'> {
  /** Name of the interface. */
  readonly tap: string;
  /** Pairs of queues, 1 to 256. Default 1. */
  readonly queuePairs?: number;
}

export interface CheckedOptions {
  readonly backend: NetBackend;
  readonly mac: Uint8Array;
  readonly mtu: number | undefined;
  readonly queueSize: number;
}

const MIN_MTU = 68;
const MAX_MTU = 65_535;
const DEFAULT_QUEUE_SIZE = 256;
const MIN_QUEUE_SIZE = 4;
const MAX_QUEUE_SIZE = 1024;
/** MAX_TAP_QUEUES of the kernel. */
const MAX_QUEUE_PAIRS = 256;

function check(condition: boolean, message: string): void {
  if (!condition) throw new NetOptionError(message);
}

function isInteger(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/** The options with their defaults. NetOptionError names the first that is wrong. */
export function checkOptions({
  backend,
  mac,
  mtu,
  queueSize = DEFAULT_QUEUE_SIZE,
}: NetworkDeviceOptions): CheckedOptions {
  const isPowerOfTwo = isInteger(queueSize, MIN_QUEUE_SIZE, MAX_QUEUE_SIZE) && (queueSize & (queueSize - 1)) === 0;
  check(isPowerOfTwo, `queueSize must be a power of two from ${MIN_QUEUE_SIZE} to ${MAX_QUEUE_SIZE}, not ${queueSize}`);
  check(mtu === undefined || isInteger(mtu, MIN_MTU, MAX_MTU), `mtu must be ${MIN_MTU} to ${MAX_MTU}, not ${mtu}`);
  return { backend, mac: mac === undefined ? randomMac() : parseMac(mac), mtu, queueSize };
}

/** The number of pairs. NetOptionError where there cannot be so many. */
export function checkQueuePairs(queuePairs: number): number {
  check(isInteger(queuePairs, 1, MAX_QUEUE_PAIRS), `queuePairs must be 1 to ${MAX_QUEUE_PAIRS}, not ${queuePairs}`);
  return queuePairs;
}
