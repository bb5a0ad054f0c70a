/** Bytes of the measured machine's guest. */
export const MACHINE_MEMORY: number = 64 * 2 ** 20;
