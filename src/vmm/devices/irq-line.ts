/** An interrupt line that devices on several threads raise and lower: KVM hears of changes only. */
export interface IrqLine {
  /** Sets the level of the line. */
  set(high: boolean): void;
}

/** What a line needs of `vm.interrupts`. */
export interface LineSetter {
  setLine(gsi: number, high: boolean): void;
}

export function gsiLine(interrupts: LineSetter, gsi: number): IrqLine {
  return { set: (high) => interrupts.setLine(gsi, high) };
}
