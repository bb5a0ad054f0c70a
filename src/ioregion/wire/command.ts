/** Commands: what a dispatcher sends to a region server. */
import { truncate } from '../access-value.js';
import { ProtocolError, WireFault } from './fault.js';
import { CommandKind, CommandWord, MESSAGE_WORDS, messageWords } from './layout.js';
import { detectHead, HEAD_V3, type HeadLayout, headOf, type WireVersion } from './version.js';

/** High words from here on make an offset of 2^53 or more, which a number cannot hold exactly. */
const OFFSET_HIGH_LIMIT = 2 ** 21;
/** The bits of a well-formed v3 head: READ or WRITE, size code 0 to 3, response wanted. */
const PLAIN_V3 = 0x1301;

/** The fields of a command. Each u64 of the protocol is two u32 halves. */
export interface CommandFields {
  kind: CommandKind;
  /** Bytes: 1, 2, 4 or 8. */
  size: number;
  /** Always true for a read; false for a posted write. */
  responseWanted: boolean;
  userDataLow: number;
  userDataHigh: number;
  /** Bytes from the start of the region, below 2^53. */
  offset: number;
  /** What a write writes, the bytes beyond `size` being zero; 0 in a read. */
  dataLow: number;
  dataHigh: number;
}

/**
 * Decodes the commands of a batch area in place. Bound to the area once and filled anew by each `decode`, so that
 * a command costs no allocation. The fields are only meaningful after a `decode` that returned `WireFault.none`.
 */
export class CommandView implements CommandFields {
  kind: CommandKind = CommandKind.read;
  size = 1;
  responseWanted = false;
  userDataLow = 0;
  userDataHigh = 0;
  offset = 0;
  dataLow = 0;
  dataHigh = 0;
  /** The revision this command was sent in; 3 for the one head that both produce. */
  version: WireVersion = 3;
  readonly #words: Uint32Array;

  /** `count` commands from `byteOffset` (a multiple of 4) of `area`. */
  constructor(area: ArrayBuffer, byteOffset: number, count: number) {
    this.#words = messageWords(area, byteOffset, count);
  }

  get userData(): bigint {
    return (BigInt(this.userDataHigh) << 32n) | BigInt(this.userDataLow);
  }

  /** Reads command `index` of the area. Never throws: a malformed message is a fault number. */
  decode(index: number): WireFault {
    const words = this.#words;
    const base = index * MESSAGE_WORDS;
    /* Also past the end and in a detached area, whose length is 0. */
    if (base < 0 || base + MESSAGE_WORDS > words.length) return WireFault.messageLength;
    const fault = this.#decodeHead(words[base]!, words[base + CommandWord.padding]!);
    if (fault !== WireFault.none) return fault;
    this.userDataLow = words[base + CommandWord.userData]!;
    this.userDataHigh = words[base + CommandWord.userData + 1]!;
    /* Only `size` bytes of the data field mean something; what a careless peer left behind them is dropped here. */
    this.dataLow = truncate(words[base + CommandWord.data]!, this.size);
    this.dataHigh = this.size === 8 ? words[base + CommandWord.data + 1]! : 0;
    const high = words[base + CommandWord.offset + 1]!;
    this.offset = high * 2 ** 32 + words[base + CommandWord.offset]!;
    return high < OFFSET_HIGH_LIMIT ? WireFault.none : WireFault.offsetTooLarge;
  }

  /** What our own dispatchers and the kernel send is recognised by one mask; the rest takes the longer way. */
  #decodeHead(head: number, padding: number): WireFault {
    if ((head & ~PLAIN_V3) !== 0 || padding !== 0) return this.#decodeAnyHead(head, padding);
    this.version = 3;
    this.kind = (head & 1) as CommandKind;
    this.size = 1 << ((head >>> HEAD_V3.sizeShift) & 3);
    this.responseWanted = (head & HEAD_V3.responseBit) !== 0;
    return this.responseWanted || this.kind === CommandKind.write ? WireFault.none : WireFault.readWithoutResponse;
  }

  #decodeAnyHead(head: number, padding: number): WireFault {
    const layout = detectHead(head);
    if (layout === null) return WireFault.mixedVersions;
    if ((head & layout.reserved) !== 0 || padding !== 0) return WireFault.reservedBits;
    const kind = head & layout.commandMask;
    if (kind !== CommandKind.read && kind !== CommandKind.write) return WireFault.unknownCommand;
    const sizeCode = (head >>> layout.sizeShift) & layout.sizeMask;
    if (sizeCode > 3) return WireFault.badSize;
    this.version = layout.version;
    this.kind = kind;
    this.size = 1 << sizeCode;
    this.responseWanted = (head & layout.responseBit) !== 0;
    return kind === CommandKind.read && !this.responseWanted ? WireFault.readWithoutResponse : WireFault.none;
  }
}

/**
 * Writes command `index` of `words` (see `messageWords`), every unused byte zero.
 * @throws ProtocolError where the fields make no command: `badSize`, `readWithoutResponse`, `offsetTooLarge`.
 */
export function encodeCommand(words: Uint32Array, index: number, command: CommandFields, version: WireVersion): void {
  const base = index * MESSAGE_WORDS;
  const head = encodeHead(command, headOf(version));
  if (!Number.isSafeInteger(command.offset) || command.offset < 0) throw new ProtocolError('offsetTooLarge');
  words[base] = head;
  words[base + CommandWord.padding] = 0;
  words[base + CommandWord.userData] = command.userDataLow;
  words[base + CommandWord.userData + 1] = command.userDataHigh;
  words[base + CommandWord.offset] = command.offset;
  words[base + CommandWord.offset + 1] = Math.floor(command.offset / 2 ** 32);
  words[base + CommandWord.data] = truncate(command.dataLow, command.size);
  words[base + CommandWord.data + 1] = command.size === 8 ? command.dataHigh : 0;
}

function encodeHead(command: CommandFields, layout: HeadLayout): number {
  const sizeCode = [1, 2, 4, 8].indexOf(command.size);
  if (sizeCode < 0) throw new ProtocolError('badSize');
  if (command.kind === CommandKind.read && !command.responseWanted) throw new ProtocolError('readWithoutResponse');
  return command.kind | (sizeCode << layout.sizeShift) | (command.responseWanted ? layout.responseBit : 0);
}
