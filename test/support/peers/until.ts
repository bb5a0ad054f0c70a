/** For what tells nobody when it happens, such as a file that another process makes: it is looked for. */
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_MS = 5;
const DEFAULT_LIMIT_MS = 20_000;

export async function until(condition: () => boolean, limitMs = DEFAULT_LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${condition}`);
    await delay(LOOK_MS);
  }
}
