/**
 * The contract of every dispatcher (design.md section 4; src/ioregion/README.md), clause by clause. A dispatcher that
 * passes it can take the place of any other.
 */
import { describe } from 'vitest';
import { FD_KINDS } from './channel.js';
import { describeDelivery } from './clauses/delivery.js';
import { describeDeviceOrder } from './clauses/device-order.js';
import { describeFailures } from './clauses/failures.js';
import { describeInterruption } from './clauses/interruption.js';
import { describeLeaving } from './clauses/leaving.js';
import { describeOrdering } from './clauses/ordering.js';
import { describePolicies } from './clauses/policies.js';
import { describePosted } from './clauses/posted.js';
import { describeRegions } from './clauses/regions.js';
import { describeRemoval } from './clauses/removal.js';
import { describeServers } from './clauses/servers.js';
import { describeWire } from './clauses/wire.js';
import type { ContractHarness } from './harness.js';
import { Stage } from './stage.js';

const CLAUSES = [
  describeWire,
  describeDelivery,
  describeOrdering,
  describePosted,
  describeInterruption,
  describeLeaving,
  describeRemoval,
  describeFailures,
  describePolicies,
  describeServers,
  describeDeviceOrder,
];

export function describeDispatcherContract(harness: ContractHarness): void {
  describe(`the ${harness.name} dispatcher`, () => {
    describe('adds and removes regions', () => describeRegions(new Stage(harness, 'seqpacket')));
    describe.each(FD_KINDS)('over a %s', (kind) => {
      const stage = new Stage(harness, kind);
      for (const describeClause of CLAUSES) describeClause(stage);
    });
  });
}
