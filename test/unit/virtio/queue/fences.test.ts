/** Memory ordering against a driver in C on the other core: see "Fences" in src/virtio/queue/README.md. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { compileC } from '../../../support/c-program.js';
import { describeWhere, program } from '../../../support/require.js';
import { runRingPeer } from '../../../support/ring-peer.js';
import { temporaryDirectory } from '../../../support/temporary.js';

/** Of each kind of ring; more in `npm run soak fences`. */
const SECONDS = Number(process.env.IOREGION_FENCE_SECONDS ?? 1);
const source = readFileSync(new URL('../../../support/ring-peer.c', import.meta.url), 'utf8');
const TIMEOUT_MS = 60_000 + 5000 * SECONDS;

describeWhere([program('cc')], 'a queue whose driver runs on another core', () => {
  const directory = temporaryDirectory();

  for (const packed of [false, true]) {
    for (const eventIdx of [false, true]) {
      const name = `${packed ? 'packed' : 'split'}, ${eventIdx ? 'event index' : 'flags'}`;
      it(
        `loses no kick and no call, and sees no byte too early or too late (${name})`,
        async () => {
          const peer = compileC(source, directory);
          const { problem, driver, chains } = await runRingPeer(peer, { packed, eventIdx, seconds: SECONDS });
          expect({ problem, driver }).toEqual({ problem: null, driver: String(chains) });
          expect(chains).toBeGreaterThan(0);
        },
        TIMEOUT_MS,
      );
    }
  }
});
