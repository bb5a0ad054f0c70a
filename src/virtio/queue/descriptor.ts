/** One descriptor, read once. */
import { DescriptorFlag } from '../spec/index.js';
import type { DescriptorTable } from './descriptor-table.js';
import type { MemoryMap } from './memory-map.js';
import type { UnreadChain } from './unread-chain.js';

export class Descriptor {
  index = 0;
  /** Inexact above 2^53, where no memory is. */
  address = 0;
  length = 0;
  /** The last word as a signed integer: flags below next (split), or id below flags (packed). */
  control = 0;

  /** The words of the descriptor, of which only the bits count. */
  set(index: number, low: number, high: number, length: number, control: number): void {
    this.index = index;
    this.address = (high >>> 0) * 2 ** 32 + (low >>> 0);
    this.length = length >>> 0;
    this.control = control | 0;
  }

  /** Those that a loop has read, relative to the recent region. */
  loadUnread({ index, offset, high, length, control }: UnreadChain, { window }: MemoryMap): void {
    this.set(index, offset + window[1]!, high, length, control);
  }

  load({ words, offset }: DescriptorTable, index: number): void {
    const at = offset / 4 + index * 4;
    this.set(index, words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
  }
}

export const isWritable = (flags: number): boolean => (flags & DescriptorFlag.write) !== 0;
export const hasNext = (flags: number): boolean => (flags & DescriptorFlag.next) !== 0;
export const isIndirect = (flags: number): boolean => (flags & DescriptorFlag.indirect) !== 0;

export function describeTable({ address, length }: Descriptor): string {
  return `indirect table at 0x${address.toString(16)}, ${length} byte(s)`;
}
