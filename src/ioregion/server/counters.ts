/** What a region server counts. */
import { FaultCounters, type ProtocolRule } from '../wire/index.js';

export interface ServerStats {
  readonly reads: number;
  readonly writes: number;
  /** Writes that asked for no response. */
  readonly posted: number;
  /** Commands whose user data no region has: read as all ones. */
  readonly unknownRegion: number;
  /** Handlers that threw or rejected: the access read as all ones, or was lost. */
  readonly deviceErrors: number;
  /** Protocol faults by rule; one ends the connection. */
  readonly faults: Partial<Record<ProtocolRule, number>>;
}

export class ServerCounters {
  reads = 0;
  writes = 0;
  posted = 0;
  unknownRegion = 0;
  deviceErrors = 0;
  readonly faults = new FaultCounters();

  snapshot(): ServerStats {
    const { reads, writes, posted, unknownRegion, deviceErrors } = this;
    return { reads, writes, posted, unknownRegion, deviceErrors, faults: this.faults.snapshot() };
  }
}
