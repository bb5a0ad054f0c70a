/** Reads an object that may come from anybody: every value is looked at once, and has its type and its bound checked. */
import { SavedStateError } from './errors.js';

export class SavedFields {
  readonly #value: object;
  readonly #what: string;

  /** `what` names the object in errors. @throws SavedStateError where it is none */
  constructor(value: unknown, what: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new SavedStateError(what, 'it is not an object');
    this.#value = value;
    this.#what = what;
  }

  /** Anything; undefined where there is nothing. */
  any(key: string): unknown {
    return Object.hasOwn(this.#value, key) ? Reflect.get(this.#value, key) : undefined;
  }

  boolean(key: string): boolean {
    const value = this.any(key);
    if (typeof value !== 'boolean') throw this.error(key, 'is not a boolean');
    return value;
  }

  /** 0 to `max`. */
  integer(key: string, max: number): number {
    return this.#integer(key, this.any(key), max);
  }

  /** `length` integers of 0 to `max`. */
  integers(key: string, length: number, max: number): number[] {
    return this.list(key, length).map((value) => this.#integer(key, value, max));
  }

  /** An array of exactly `length`. */
  list(key: string, length: number): unknown[] {
    const value = this.any(key);
    if (!Array.isArray(value) || value.length !== length) throw this.error(key, `is not an array of ${length}`);
    return Array.from(value as unknown[]);
  }

  /** At most `max` bytes. */
  bytes(key: string, max: number): Uint8Array {
    const value = this.any(key);
    if (!(value instanceof Uint8Array) || value.length > max) throw this.error(key, `is not at most ${max} bytes`);
    return value.slice();
  }

  fields(key: string): SavedFields {
    return new SavedFields(this.any(key), `${this.#what}.${key}`);
  }

  /** Each of an array of exactly `length` objects. */
  records(key: string, length: number): SavedFields[] {
    return this.list(key, length).map((value, index) => new SavedFields(value, `${this.#what}.${key}[${index}]`));
  }

  error(key: string, problem: string): SavedStateError {
    return new SavedStateError(this.#what, `${key} ${problem}`);
  }

  #integer(key: string, value: unknown, max: number): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
    throw this.error(key, `is not an integer up to ${max}`);
  }
}
