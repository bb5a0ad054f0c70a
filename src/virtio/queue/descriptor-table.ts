/** Where descriptors are: a ring, or an indirect table. */
export class DescriptorTable {
  /** Four for each entry. */
  declare words: Uint32Array;
  /** Where the first entry is in `words`, in bytes. */
  offset = 0;
  entries = 0;

  constructor(words: Uint32Array, offset: number, entries: number) {
    this.set(words, offset, entries);
  }

  set(words: Uint32Array, offset: number, entries: number): void {
    this.words = words;
    this.offset = offset;
    this.entries = entries;
  }
}
