/** Waiting for what must happen soon, and failing by name where it does not. */
import { PATIENCE } from '../support/patience.js';

/** Long enough for a loaded machine; no passing test waits for it. */
const LIMIT_MS = 20_000 * PATIENCE;
const LOOK_AGAIN_MS = 1;

export class NotInTimeError extends Error {
  constructor(what: string) {
    super(`not within ${LIMIT_MS} ms: ${what}`);
  }
}

/** Settles as `promise` does, or rejects with what was waited for. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NotInTimeError(what)), LIMIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `condition` holds: for states of threads and files, which send no events. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!condition()) {
    if (Date.now() > end) throw new NotInTimeError(what);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
