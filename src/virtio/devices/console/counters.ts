/** What a console device counts, since it was made. */
export interface ConsoleCounters {
  /** Bytes that the outside took. */
  outputBytes: number;
  /** Bytes that the driver got. */
  inputBytes: number;
  /** Output bytes while nobody was connected, and emergency bytes without room. */
  discardedBytes: number;
  /** Messages of the driver that are none, or name a port that is not there. */
  malformedMessages: number;
  /** Buffers that the driver posted for input or messages without room for any. */
  malformedBuffers: number;
}

export function noCounts(): ConsoleCounters {
  return { outputBytes: 0, inputBytes: 0, discardedBytes: 0, malformedMessages: 0, malformedBuffers: 0 };
}
