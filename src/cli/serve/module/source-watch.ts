/** Tells when one of a set of files has changed. */
import { type FSWatcher, watch } from 'node:fs';
import { dirname, join } from 'node:path';

/** Editors write a file in several steps; the last one counts. */
const SETTLE_MS = 50;

export class SourceWatch {
  readonly #changed: () => void;
  readonly #files = new Set<string>();
  /** Of folders, since many editors replace the file itself. */
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Idempotent. */
  add(file: string): void {
    this.#files.add(file);
    const folder = dirname(file);
    if (this.#closed || this.#watchers.has(folder)) return;
    const watcher = watch(folder, (_, name) => {
      if (name !== null && this.#files.has(join(folder, name))) this.#settle();
    });
    this.#watchers.set(folder, watcher);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#changed, SETTLE_MS);
  }
}
