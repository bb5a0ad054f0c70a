/** Counters of the accesses a register block did not carry out. */
export class RefusedAccesses {
  /** Outside every register: read as all ones, written to nothing. */
  unmapped = 0;
  /** Starting in one register and ending beyond it: the same. */
  crossing = 0;
  /** Of a width or alignment the register does not take: the same. */
  width = 0;
  /** Reads of a register none of whose bits can be read: read as zero. */
  writeOnly = 0;
  /** Writes to a register none of whose bits can be written: ignored. */
  readOnly = 0;

  get total(): number {
    return this.unmapped + this.crossing + this.width + this.writeOnly + this.readOnly;
  }
}
