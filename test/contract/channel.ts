/** The files of a channel in each kind that the contract allows, with a scripted device at the far end. */
import { type Fd, pipe, setSocketBuffers, socketpair } from 'ioregion/native';
import { ScriptedPeer } from './scripted-peer.js';

export const FD_KINDS = ['seqpacket', 'stream', 'pipe'] as const;
export type FdKind = (typeof FD_KINDS)[number];

export interface Ends {
  readonly readFd: Fd;
  readonly writeFd: Fd;
}

/** The dispatcher's and the device's end, each closed by `close`, which is idempotent. */
export class Channel implements Disposable {
  readonly kind: FdKind;
  readonly near: Ends;
  readonly far: Ends;
  readonly peer: ScriptedPeer;

  constructor(kind: FdKind) {
    this.kind = kind;
    [this.near, this.far] = kind === 'pipe' ? pipePair() : socketPair(kind);
    this.peer = new ScriptedPeer(kind, this.far);
  }

  /** As few commands as possible fit (a pipe's size stays: 2048 commands). */
  makeSmall(): void {
    if (this.kind !== 'pipe') setSocketBuffers(this.near.writeFd, { send: 1, receive: 0 });
  }

  /** Puts posted writes into the command file until it takes no more; returns how many. */
  fill(): number {
    const message = Uint8Array.of(1, ...new Uint8Array(31));
    let count = 0;
    this.near.writeFd.setNonblock(true);
    while (this.near.writeFd.write(message) !== null) count += 1;
    this.near.writeFd.setNonblock(false);
    return count;
  }

  /** Bytes on their way to the dispatcher. */
  unreadResponseBytes(): number {
    return this.near.readFd.pendingBytes();
  }

  close(): void {
    this.closeNear();
    this.closeFar();
  }

  /** The dispatcher keeps its duplicates. */
  closeNear(): void {
    closeEnds(this.near);
  }

  /** The device dies. */
  closeFar(): void {
    closeEnds(this.far);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function closeEnds({ readFd, writeFd }: Ends): void {
  readFd.close();
  writeFd.close();
}

function socketPair(kind: 'seqpacket' | 'stream'): [Ends, Ends] {
  const [near, far] = socketpair(kind);
  return [
    { readFd: near, writeFd: near },
    { readFd: far, writeFd: far },
  ];
}

function pipePair(): [Ends, Ends] {
  const commands = pipe();
  const responses = pipe();
  return [
    { readFd: responses.readEnd, writeFd: commands.writeEnd },
    { readFd: commands.readEnd, writeFd: responses.writeEnd },
  ];
}
