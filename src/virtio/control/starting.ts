/** Something that another thread is still making: awaited on an event loop, or waited for on a thread that must not return to its own. */
export interface Starting<T> {
  /** Rejects with why there is none. */
  ready(): Promise<T>;
  /** Blocks the thread for `timeoutMs` at most. @throws why there is none */
  wait(timeoutMs: number): T;
}

/** What is made of it, once, on the thread that waits. */
export function mapStarting<From, T>(starting: Starting<From>, make: (from: From) => T): Starting<T> {
  let made: { readonly value: T } | null = null;
  const once = (from: From): T => {
    made ??= { value: make(from) };
    return made.value;
  };
  return {
    ready: async () => made?.value ?? once(await starting.ready()),
    wait: (timeoutMs) => made?.value ?? once(starting.wait(timeoutMs)),
  };
}
