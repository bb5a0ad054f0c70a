/** The reconnections of one channel. Its regions may have a policy each, but they fail and recover together. */
import { native, system } from '../../native/index.js';
import { type FdLike, fdNumber } from './region.js';

/** Device and inode of the file that commands go to: what makes regions share a channel. */
export function channelKey(writeFd: FdLike): string {
  const [device, inode] = system(() => native.fileIdentity(fdNumber(writeFd)));
  return `${device}:${inode}`;
}

export class Recovery {
  /** The channel's present file. */
  key: string;
  #underway: Promise<boolean> | null = null;

  constructor(key: string) {
    this.key = key;
  }

  /** Several vCPUs may meet one failure: one `attempt` serves them all. True where it succeeded. */
  run(attempt: () => Promise<boolean>): Promise<boolean> {
    this.#underway ??= attempt().finally(() => {
      this.#underway = null;
    });
    return this.#underway;
  }
}
