/** Responses of any length and content into the dispatcher; every access must end with a value or a coded failure. */
import { type LoopbackCaller, LoopbackDispatcher } from 'ioregion/ioregion';
import { AccessOutcome, Disposables, type Fd, type SocketType, socketpair } from 'ioregion/native';
import type { Random } from '../random.js';

const GPA = 0x1000;
const MESSAGE_BYTES = 32;
const LONGEST = 3 * MESSAGE_BYTES;
const MOST_ACCESSES = 32;
const SIZES = [1, 2, 4, 8] as const;

/** How an access ended: `done`, or the reason of its failure. */
type Ending = string;

export class ResponseFuzz {
  accesses = 0;
  readonly ends = new Map<Ending, number>();
  readonly wrong: string[] = [];
  readonly #random: Random;
  readonly #bytes = new Uint8Array(LONGEST);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #command = new Uint8Array(MESSAGE_BYTES);

  constructor(random: Random) {
    this.#random = random;
  }

  /** One channel: accesses until one fails. */
  round(): void {
    using undo = new Disposables();
    const socketType = this.#random.below(2) === 0 ? 'stream' : 'seqpacket';
    const trusted = this.#random.below(8) !== 0;
    const [commands, received] = socketpair('seqpacket').map((fd) => undo.use(fd)) as [Fd, Fd];
    const [responses, device] = socketpair(socketType).map((fd) => undo.use(fd)) as [Fd, Fd];
    const dispatcher = new LoopbackDispatcher();
    undo.defer(() => dispatcher.close());
    const fds = { readFd: responses, writeFd: commands };
    dispatcher.addRegion({ space: 'mmio', gpa: GPA, size: 8, ...fds, trustedPeer: trusted, deadlineMs: 0 });
    const caller = dispatcher.createCaller();
    undo.defer(() => caller.close());
    for (let left = MOST_ACCESSES; left > 0 && this.#access(caller, device, { socketType, trusted }); left--) {
      received.read(this.#command);
    }
  }

  /** One access whose response is there before it. True where the channel still works. */
  #access(caller: LoopbackCaller, device: Fd, { socketType, trusted }: Pick<Seen, 'socketType' | 'trusted'>): boolean {
    const response = this.#respond(device, socketType);
    const size = SIZES[this.#random.below(SIZES.length)]!;
    const outcome = caller.begin('mmio', false, GPA, size);
    const end = outcome === AccessOutcome.failed ? caller.failure().reason : 'done';
    this.#check({ end, socketType, trusted, size, low: caller.valueLow, ...response });
    return end === 'done' && response.length === MESSAGE_BYTES && !response.hangUp;
  }

  /** Leaves a response of random bytes. An incomplete one on a stream is the last: a wait for its rest would not end. */
  #respond(device: Fd, socketType: SocketType): Pick<Seen, 'length' | 'hangUp'> {
    const random = this.#random;
    const hangUp = random.below(8) === 0;
    const odd = hangUp || (socketType === 'seqpacket' && random.below(8) === 0);
    const length = odd ? random.below(LONGEST + 1) : MESSAGE_BYTES;
    for (let at = 0; at < LONGEST; at += 4) this.#view.setUint32(at, random.next(), true);
    device.write(this.#bytes.subarray(0, length));
    if (hangUp) device.close();
    return { length, hangUp };
  }

  #check(seen: Seen): void {
    const { end, size, low } = seen;
    this.accesses += 1;
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
    const value = this.#view.getUint32(0, true);
    const right =
      end === endingOf(seen) && (end !== 'done' || low === (size >= 4 ? value : value & (2 ** (8 * size) - 1)));
    if (!right && this.wrong.length < 10)
      this.wrong.push(`access ${this.accesses}: ${JSON.stringify({ seen, value })}`);
  }
}

interface Seen {
  readonly end: Ending;
  readonly socketType: SocketType;
  readonly trusted: boolean;
  /** Of the response. */
  readonly length: number;
  readonly hangUp: boolean;
  readonly size: number;
  readonly low: number;
}

/** The model. A response that is there before its command is one too many, unless the peer is trusted. */
function endingOf({ socketType, trusted, length }: Seen): Ending {
  if (length === 0) return 'peer-closed'; /* an empty packet reads like the end of the file */
  if (!trusted) return 'unsolicited-response';
  if (length < MESSAGE_BYTES) return 'short-response';
  return length > MESSAGE_BYTES && socketType === 'seqpacket' ? 'long-response' : 'done';
}
