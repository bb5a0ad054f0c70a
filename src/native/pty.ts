/** Pseudoterminals: a terminal that another program opens, and the descriptor that plays the hardware behind it. */
import { native } from './binding.js';
import { Fd } from './fd.js';
import { system } from './system-error.js';

/** The master of a pseudoterminal, non-blocking. Its other end is in raw mode at first. */
export class PtyMaster extends Fd {
  /** Of the other end, e.g. `/dev/pts/3`. */
  readonly path: string;

  private constructor(number: number, path: string) {
    super(number);
    this.path = path;
  }

  static open(): PtyMaster {
    const { fd, path } = system(() => native.ptyOpen());
    return new PtyMaster(fd, path);
  }
}
