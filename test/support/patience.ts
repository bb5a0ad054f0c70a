/**
 * How many times longer than on an ordinary machine the time limits of tests are. The nested machine, where Node is 12
 * to 14 times slower, sets IOREGION_PATIENCE.
 */
export const PATIENCE = Number(process.env.IOREGION_PATIENCE ?? 1);
