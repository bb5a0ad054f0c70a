/** What a test learns of, and may change about, each access of a device to guest memory. */

/** Addresses are guest-physical, sizes in bytes. */
export interface MemoryHook {
  /** A device reads 2 or 4 bytes, which hold `value`; returns what it gets instead. */
  load?(gpa: number, size: number, value: number): number;
  /** A device writes 2 or 4 bytes. */
  store?(gpa: number, size: number): void;
  /** A device has copied bytes out of memory: `bytes` are its copy, which may be changed. */
  copyOut?(gpa: number, bytes: Uint8Array): void;
  /** A device is about to write this many bytes. */
  copyIn?(gpa: number, length: number): void;
}
