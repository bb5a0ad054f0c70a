/**
 * How many times longer than on an ordinary machine the time limits of tests are. The nested machine, where Node is 12
 * to 14 times slower, sets IOREGION_PATIENCE.
 */
export const PATIENCE = Number(process.env.IOREGION_PATIENCE ?? 1);

/** Of things that are done again and again: as many as such a machine has the time for. */
export const fewer = (count: number): number => Math.ceil(count / PATIENCE);
