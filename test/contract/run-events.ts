/** Events of a run, queued until somebody asks for them. */
import type { RunEvent } from './harness.js';

export class RunEvents {
  interruptions = 0;
  readonly #queued: RunEvent[] = [];
  readonly #askers: ((event: RunEvent) => void)[] = [];

  push(event: RunEvent): void {
    if (event.type === 'interrupted') this.interruptions += 1;
    const asker = this.#askers.shift();
    if (asker !== undefined) asker(event);
    else this.#queued.push(event);
  }

  next(): Promise<RunEvent> {
    const queued = this.#queued.shift();
    return queued !== undefined ? Promise.resolve(queued) : new Promise((resolve) => this.#askers.push(resolve));
  }
}
