/** How often the vCPUs left the guest for the main thread, by reason. */
export class ExitCounts {
  readonly #counts = new Map<string, number>();

  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** As data that JSON can carry. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
