/** What a network device counts, since it was made. */
export interface NetCounters {
  /** Packets that the network took. */
  transmitted: number;
  /** Packets that the driver got. */
  received: number;
  /** Packets of the driver that are none, or ask for what it has not negotiated. */
  malformed: number;
  /** Packets of the driver that the network refused. */
  refused: number;
  /** Packets in either direction while the link was down. */
  linkDown: number;
  /** Incoming packets that the driver has not asked for. */
  filtered: number;
  /** Incoming packets that did not fit the receive buffers, or exceed the MTU. */
  tooLong: number;
  /** Incoming packets that are none, or ask for what the driver has not negotiated. */
  unsupported: number;
  /** Receive buffers that cannot hold the start of a packet, given back unused. */
  malformedBuffers: number;
  /** Commands that succeeded. */
  commands: number;
  /** Commands answered with an error, or without room for an answer. */
  failedCommands: number;
}

export function noCounts(): NetCounters {
  return {
    transmitted: 0,
    received: 0,
    malformed: 0,
    refused: 0,
    linkDown: 0,
    filtered: 0,
    tooLong: 0,
    unsupported: 0,
    malformedBuffers: 0,
    commands: 0,
    failedCommands: 0,
  };
}
