/** What a broken or hostile VMM sends over one connection: valid commands, mutated ones, noise, wrong lengths. */
import { CommandKind, encodeCommand, MESSAGE_SIZE, messageWords } from 'ioregion/ioregion';
import type { Random } from '../random.js';

/** Most messages of one conversation: they, and their responses, fit in the buffers of a socket. */
export const MOST_MESSAGES = 128;
const LONGEST_PACKET = 80;

/** Half of the conversations have no fault at all, so that long ones are tried too. */
const FAULTS = [0, 0, 0, 2, 8, 40] as const;

export class Conversation {
  /** All messages, one after the other. */
  readonly bytes = new Uint8Array(MOST_MESSAGES * LONGEST_PACKET);
  /** Bytes of each. */
  readonly lengths: number[] = [];
  readonly #random: Random;
  readonly #message = new ArrayBuffer(LONGEST_PACKET);
  readonly #words = messageWords(this.#message, 0, 1);

  constructor(random: Random) {
    this.#random = random;
  }

  get totalBytes(): number {
    return this.lengths.reduce((total, length) => total + length, 0);
  }

  /** Makes up another conversation. */
  renew(): void {
    const random = this.#random;
    const faults = FAULTS[random.below(FAULTS.length)]!;
    this.lengths.length = 0;
    let at = 0;
    for (let left = 1 + random.below(MOST_MESSAGES); left > 0; left--) {
      const length = this.#make(random.below(100) < faults);
      this.bytes.set(new Uint8Array(this.#message, 0, length), at);
      this.lengths.push(length);
      at += length;
    }
  }

  /** Leaves a message in the scratch buffer and returns its length. */
  #make(faulty: boolean): number {
    const random = this.#random;
    this.#command();
    if (!faulty) return MESSAGE_SIZE;
    switch (random.below(3)) {
      case 0:
        for (let flips = 1 + random.below(2); flips > 0; flips--) this.#flipBit();
        return MESSAGE_SIZE;
      case 1:
        for (let word = 0; word < this.#words.length; word++) this.#words[word] = random.next();
        return MESSAGE_SIZE;
      default:
        return random.below(LONGEST_PACKET + 1);
    }
  }

  #flipBit(): void {
    const word = this.#random.below(this.#words.length);
    this.#words[word] = this.#words[word]! ^ (1 << this.#random.below(32));
  }

  #command(): void {
    const random = this.#random;
    const kind = random.below(2) === 0 ? CommandKind.read : CommandKind.write;
    const fields = {
      kind,
      size: 1 << random.below(4),
      responseWanted: kind === CommandKind.read || random.below(2) === 0,
      userDataLow: random.below(8),
      userDataHigh: 0,
      offset: random.below(0x1000),
      dataLow: random.next(),
      dataHigh: random.next(),
    };
    encodeCommand(this.#words, 0, fields, random.below(2) === 0 ? 2 : 3);
  }
}
