/** A packet on its way from the driver to the network. */
import { Mapping, PAGE_SIZE } from '../../../native/index.js';
import type { ChainBuffers } from '../../queue/index.js';
import { GuestVector } from '../guest-vector.js';
import {
  acceptHeader,
  ETHERNET_HEADER_BYTES,
  MAX_HEADER_BYTES,
  MAX_PACKET_BYTES,
  type OffloadRules,
} from './packet.js';

/** One object for all packets of a queue. The header is a checked copy; the rest stays in guest memory. */
export class OutgoingPacket {
  readonly #scratch = Mapping.anonymous(PAGE_SIZE);
  readonly #vector = new GuestVector();
  readonly #rules: OffloadRules;
  /** The header, `headerBytes` long. */
  readonly header: Uint8Array;
  #buffers: ChainBuffers | null = null;

  constructor(headerBytes: number, rules: OffloadRules) {
    this.#rules = rules;
    this.header = this.#scratch.bytes.subarray(0, Math.min(headerBytes, MAX_HEADER_BYTES));
  }

  /** Of the packet without its header. */
  get byteLength(): number {
    return this.#buffers!.byteLength - this.header.length;
  }

  /** Takes what the driver wrote; false where that is no packet, or asks for what the driver has not negotiated. */
  begin(buffers: ChainBuffers): boolean {
    this.#buffers = buffers;
    const { byteLength, header } = this;
    if (byteLength < ETHERNET_HEADER_BYTES || byteLength > MAX_PACKET_BYTES) return false;
    return buffers.copyTo(header) === header.length && acceptHeader(header, byteLength, this.#rules);
  }

  /** Sends header and packet: the number of bytes, or a negative errno. */
  writeTo(fd: number): number {
    this.#vector.clear();
    this.#vector.appendMapping(this.#scratch, 0, this.header.length);
    const whole = this.#vector.append(this.#buffers!, this.header.length);
    return whole ? this.#vector.writeTo(fd) : -EMSGSIZE;
  }

  /** Copies the packet without its header; `target` has room for it. */
  copyTo(target: Uint8Array): void {
    this.#buffers!.copyTo(target, this.header.length);
  }

  /** Lets go of guest memory. */
  release(): void {
    this.#buffers = null;
    this.#vector.detach();
    this.#scratch.unmap();
  }
}

/** More pieces than one system call takes. */
const EMSGSIZE = 90;
