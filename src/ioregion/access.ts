/**
 * Carries out one access of any size (1, 2, 4 or 8 bytes) on a register device. The value travels in an
 * {@link AccessValue}, which the caller reuses, so that an access of up to 4 bytes allocates nothing here.
 *
 * What a device throws goes through to the caller, which decides how the access ends.
 */
import { type AccessValue, truncate } from './access-value.js';
import type { AsyncRegisterDevice, RegisterDevice } from './register-device.js';

/** Reads `size` bytes at `offset` into `value`; the bytes beyond `size` become zero. */
export function readAny(device: RegisterDevice, offset: number, size: number, value: AccessValue): void {
  if (size === 8) readEight(device, offset, value);
  else value.set(truncate(device.read(offset, size), size), 0);
}

function readEight(device: RegisterDevice, offset: number, value: AccessValue): void {
  if (device.read64 !== undefined) {
    value.setBigint(device.read64(offset));
    return;
  }
  const low = device.read(offset, 4);
  value.set(low, device.read(offset + 4, 4));
}

/** Writes the first `size` bytes of `value` at `offset`. */
export function writeAny(device: RegisterDevice, offset: number, size: number, value: AccessValue): void {
  if (size === 8) writeEight(device, offset, value);
  else device.write(offset, size, truncate(value.low, size));
}

function writeEight(device: RegisterDevice, offset: number, value: AccessValue): void {
  if (device.write64 !== undefined) {
    device.write64(offset, value.bigint);
    return;
  }
  const high = value.high;
  device.write(offset, 4, value.low);
  device.write(offset + 4, 4, high);
}

/**
 * {@link readAny} on a device that may answer later: undefined where it answered at once, otherwise a promise that
 * settles once `value` is filled. `value` belongs to this access until then.
 */
export function readAnyAsync(
  device: AsyncRegisterDevice,
  offset: number,
  size: number,
  value: AccessValue,
): Promise<void> | undefined {
  if (size === 8) return readEightAsync(device, offset, value);
  const answer = device.read(offset, size);
  if (isThenable(answer)) return Promise.resolve(answer).then((late) => value.set(truncate(late, size), 0));
  value.set(truncate(answer, size), 0);
  return undefined;
}

async function readEightAsync(device: AsyncRegisterDevice, offset: number, value: AccessValue): Promise<void> {
  if (device.read64 !== undefined) {
    value.setBigint(await device.read64(offset));
    return;
  }
  const low = await device.read(offset, 4);
  value.set(low, await device.read(offset + 4, 4));
}

/** {@link writeAny} on a device that may take its time: undefined where the write has taken effect already. */
export function writeAnyAsync(
  device: AsyncRegisterDevice,
  offset: number,
  size: number,
  value: AccessValue,
): Promise<void> | undefined {
  if (size === 8) return writeEightAsync(device, offset, value);
  const pending: unknown = device.write(offset, size, truncate(value.low, size));
  return isThenable(pending) ? settled(pending) : undefined;
}

/** A method typed `void` may return anything, as an arrow function that assigns does: only this is waited for. */
function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

async function settled(pending: PromiseLike<unknown>): Promise<void> {
  await pending;
}

async function writeEightAsync(device: AsyncRegisterDevice, offset: number, value: AccessValue): Promise<void> {
  if (device.write64 !== undefined) {
    await device.write64(offset, value.bigint);
    return;
  }
  const high = value.high;
  await device.write(offset, 4, value.low);
  await device.write(offset + 4, 4, high);
}
