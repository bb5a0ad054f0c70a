/** Values that may come later: devices that answer at once are served at once, on threads without an event loop, too. */

export type MaybePromise<T> = T | Promise<T>;

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Promise<unknown>>).then === 'function';
}

/** Goes on with `next` now, or when `value` is there. */
export function andThen<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isPromise(value) ? value.then(next) : next(value);
}

/** What `call` returns or resolves with; undefined, after `failed` was told, where it throws or rejects. */
export function guarded<T>(call: () => MaybePromise<T>, failed: (error: unknown) => void): MaybePromise<T | undefined> {
  const caught = (error: unknown): undefined => {
    failed(error);
    return undefined;
  };
  try {
    const value = call();
    return isPromise(value) ? value.catch(caught) : value;
  } catch (error) {
    return caught(error);
  }
}

/** All of them, now where none comes later. */
export function all<T>(values: readonly MaybePromise<T>[]): MaybePromise<T[]> {
  return values.some(isPromise) ? Promise.all(values) : (values as T[]);
}
