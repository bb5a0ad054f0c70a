/** Garbage collection on demand, for tests of what happens when nothing refers to an object any more. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

/** Collects garbage, and lets finalizers run, until `condition` holds. Throws where it does not within the bound. */
export async function collectUntil(condition: () => boolean, rounds = 200): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    if (condition()) return;
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`still not so after ${rounds} collections: ${condition}`);
}
