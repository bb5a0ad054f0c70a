/** The network side of a device: where packets go to and come from. */
import type { OutgoingPacket } from './outgoing-packet.js';
import type { ReceiveBuffers } from './receive-buffers.js';

/** What became of a packet. */
export const SendOutcome = {
  sent: 0,
  /** No room now: offer it again when the port is writable. */
  full: 1,
  /** The network does not take it, now or later. */
  refused: 2,
} as const;
export type SendOutcome = (typeof SendOutcome)[keyof typeof SendOutcome];

/** Called on the event loop, never from within a method of the port. None of them may throw. */
export interface PortListener {
  readable(): void;
  writable(): void;
  /** The network has gone for good. */
  lost(reason: string): void;
}

/** The network side of one pair of queues. No method throws. */
export interface NetPort {
  send(packet: OutgoingPacket): SendOutcome;
  /**
   * Fills the buffers with the next packet, header first, and returns its length in bytes with the header: 0 where there
   * is none, more than the buffers hold where the packet did not fit and is lost.
   */
  receive(buffers: ReceiveBuffers): number;
  /** Calls the listener while packets wait to be received. At first off. */
  waitReadable(on: boolean): void;
  /** Calls the listener while a packet can be sent. At first off. */
  waitWritable(on: boolean): void;
}

export interface BackendSettings {
  /** Of the header before each packet: 10 or 12. */
  readonly headerBytes: number;
  /** What the driver takes: bits of GUEST_OFFLOADS. */
  readonly guestOffloads: bigint;
}

/** Belongs to one device, which calls `start`, then `stop`, and at the end `close`. */
export interface NetBackend {
  /** How many pairs of queues it can serve. */
  readonly queuePairs: number;
  /** Bits of HOST_OFFLOADS and GUEST_OFFLOADS. */
  readonly offloads: bigint;
  /** One port for each listener, in order. No packet comes in before `setActivePairs`. */
  start(settings: BackendSettings, listeners: readonly PortListener[]): readonly NetPort[];
  setGuestOffloads(offloads: bigint): void;
  /** Packets come in at the first `count` ports only. */
  setActivePairs(count: number): void;
  /** The ports are gone, and so is guest memory. Idempotent. */
  stop(): void;
  close(): void;
}
