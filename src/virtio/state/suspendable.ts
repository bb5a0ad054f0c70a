/** What can be saved and restored. All methods belong to the thread of its registers, while the guest does not run. */
export interface Suspendable {
  /** Begins to stop all that may be in flight. Idempotent. */
  suspend(): void;
  /** Nothing is in flight any more. */
  readonly quiet: boolean;
  /** Plain data, of something that is suspended and quiet. @throws what its devices throw */
  save(): unknown;
  /**
   * Takes over a state that may come from anybody, before the first access to a register. What has not been resumed is suspended
   * then. @throws SavedStateError and what its devices throw; it is not to be used then
   */
  restore(state: unknown): void;
  /** Goes on where it was suspended or saved. Idempotent. */
  resume(): void;
}
