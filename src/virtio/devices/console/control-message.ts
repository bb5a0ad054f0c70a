/** Messages of the control queues: struct virtio_console_control (virtio 5.3.6.2). */
import type { TerminalSize } from '../../../native/index.js';

/** `event`. */
export const ControlEvent = {
  deviceReady: 0,
  portAdd: 1,
  portRemove: 2,
  portReady: 3,
  consolePort: 4,
  resize: 5,
  portOpen: 6,
  portName: 7,
} as const;

/** Of the message without what follows it. */
export const CONTROL_MESSAGE_BYTES = 8;

const Offset = { id: 0, event: 4, value: 6, tail: 8 } as const;

const NOTHING = new Uint8Array();

export interface ControlMessage {
  /** Number of the port. */
  readonly id: number;
  readonly event: number;
  readonly value: number;
}

/** The message in the first CONTROL_MESSAGE_BYTES. */
export function decodeControlMessage(bytes: Uint8Array): ControlMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, CONTROL_MESSAGE_BYTES);
  return {
    id: view.getUint32(Offset.id, true),
    event: view.getUint16(Offset.event, true),
    value: view.getUint16(Offset.value, true),
  };
}

/** `tail` follows the message. */
export function encodeControlMessage({ id, event, value }: ControlMessage, tail: Uint8Array = NOTHING): Uint8Array {
  const bytes = new Uint8Array(CONTROL_MESSAGE_BYTES + tail.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(Offset.id, id, true);
  view.setUint16(Offset.event, event, true);
  view.setUint16(Offset.value, value, true);
  bytes.set(tail, Offset.tail);
  return bytes;
}

/** struct virtio_console_resize: columns first, as the specification has it. Many Linux drivers read rows first. */
export function encodeSize({ columns, rows }: TerminalSize): Uint8Array {
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, columns, true);
  view.setUint16(2, rows, true);
  return bytes;
}
