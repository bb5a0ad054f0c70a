/** What a device process may ask of the VM: 32-byte messages on a SEQPACKET socket, little-endian, read as hostile input. */
import type { Doorbell } from '../host-notifier/index.js';

export const MESSAGE_SIZE = 32;
/** A reply is the errno as an u32; 0 for success. */
export const REPLY_SIZE = 4;

const Offset = { op: 0, argument: 4, address: 8, data: 16, length: 24, flags: 28 } as const;
const Op = { route: 1, pin: 2, assign: 3, deassign: 4 } as const;
const Flag = { pio: 1, datamatch: 2 } as const;
const LENGTHS: readonly number[] = [0, 1, 2, 4, 8];

export type LinkRequest =
  /** Sends this message for later signals of the vector's eventfd. Replied to. */
  | { readonly op: 'route'; readonly vector: number; readonly address: bigint; readonly data: number }
  /** Level of INTA#. Not replied to. */
  | { readonly op: 'pin'; readonly asserted: boolean }
  /** An ioeventfd; to assign one, its eventfd is attached. Replied to. */
  | { readonly op: 'assign' | 'deassign'; readonly doorbell: Doorbell };

export function encodeRequest(request: LinkRequest): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(Offset.op, Op[request.op], true);
  if (request.op === 'pin') view.setUint32(Offset.argument, request.asserted ? 1 : 0, true);
  else if (request.op === 'route') encodeRoute(view, request.vector, request.address, request.data);
  else encodeDoorbell(view, request.doorbell);
  return bytes;
}

function encodeRoute(view: DataView, vector: number, address: bigint, data: number): void {
  view.setUint32(Offset.argument, vector, true);
  view.setBigUint64(Offset.address, address, true);
  view.setUint32(Offset.data, data, true);
}

function encodeDoorbell(view: DataView, { space, address, length, datamatch }: Doorbell): void {
  view.setBigUint64(Offset.address, BigInt(address), true);
  view.setBigUint64(Offset.data, BigInt(datamatch ?? 0), true);
  view.setUint32(Offset.length, length, true);
  view.setUint32(Offset.flags, (space === 'pio' ? Flag.pio : 0) | (datamatch === undefined ? 0 : Flag.datamatch), true);
}

/** null where the bytes are no request. */
export function decodeRequest(bytes: Uint8Array): LinkRequest | null {
  if (bytes.length !== MESSAGE_SIZE) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const argument = view.getUint32(Offset.argument, true);
  switch (view.getUint32(Offset.op, true)) {
    case Op.route:
      return { op: 'route', vector: argument, ...decodeMessage(view) };
    case Op.pin:
      return argument > 1 ? null : { op: 'pin', asserted: argument === 1 };
    case Op.assign:
      return withDoorbell('assign', view);
    case Op.deassign:
      return withDoorbell('deassign', view);
    default:
      return null;
  }
}

function decodeMessage(view: DataView): { address: bigint; data: number } {
  return { address: view.getBigUint64(Offset.address, true), data: view.getUint32(Offset.data, true) };
}

function withDoorbell(op: 'assign' | 'deassign', view: DataView): LinkRequest | null {
  const flags = view.getUint32(Offset.flags, true);
  const length = view.getUint32(Offset.length, true);
  if (flags > (Flag.pio | Flag.datamatch) || !isLength(length)) return null;
  const doorbell: Doorbell = {
    space: (flags & Flag.pio) === 0 ? 'mmio' : 'pio',
    address: view.getBigUint64(Offset.address, true),
    length,
    ...((flags & Flag.datamatch) === 0 ? {} : { datamatch: view.getBigUint64(Offset.data, true) }),
  };
  return { op, doorbell };
}

function isLength(length: number): length is Doorbell['length'] {
  return LENGTHS.includes(length);
}
